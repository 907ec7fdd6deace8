# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a finding is, and what a check is: a function of a case, one a file, made known by name."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, TypeVar

from nnabla_compress.diagnosis.case import Case


class Finding(NamedTuple):
    """Something that is at fault.

    Args:
        check: Name of the check that found it.
        title: What it is, in a few words.
        text: What was seen, in numbers.
        command: What to type to mend it.
        weight: How much of the loss it may explain, from 0; the most useful is mended first.
    """

    check: str
    title: str
    text: str
    command: str
    weight: float

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as JSON takes it."""
        return self._asdict()


Check = Callable[[Case], List[Finding]]
_Known = TypeVar("_Known", bound=Check)
_CHECKS: Dict[str, Check] = {}


def register_check(name: str) -> Callable[[_Known], _Known]:
    """Decorator that makes a check known.

    Args:
        name: What it is called.
    """

    def known(check: _Known) -> _Known:
        _CHECKS[name] = check
        return check

    return known


def checks() -> Dict[str, Check]:
    """Returns all checks by name."""
    return dict(_CHECKS)
