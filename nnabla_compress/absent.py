# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Modules that do not exist, so that nobody looks for them again.

NNabla's compiled functions import in the way of Python 2: whenever one is called, ``nnabla.nnabla``
is looked for first, which takes longer than all the rest of a small function.
"""

from __future__ import annotations

import sys
from typing import Dict, Optional

_ABSENT = ("nnabla.nnabla",)


def skip_search() -> None:
    """Lets imports of modules that NNabla looks for in vain fail at once.

    Example:
        >>> skip_search()
        >>> import nnabla.nnabla
        Traceback (most recent call last):
        ...
        ModuleNotFoundError: import of nnabla.nnabla halted; None in sys.modules
    """
    known: Dict[str, Optional[object]] = sys.modules  # type: ignore[assignment]
    for name in _ABSENT:
        known.setdefault(name, None)
