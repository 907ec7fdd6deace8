# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What NNabla's engine says when it refuses something, for the one who called us."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Type

from nnabla_compress.errors import CompressError, unwrapped


def reason(error: BaseException) -> str:
    r"""Returns one line of an exception's text: the failed check, if the engine names one.

    Args:
        error: Any exception.

    Example:
        >>> reason(RuntimeError("value error in setup_impl\nreshape.cpp\nFailed `a == b`: No."))
        'RuntimeError: Failed `a == b`: No'
    """
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("Failed")] or lines[:1]
    return f"{type(error).__name__}: {telling[0]}" if telling else type(error).__name__


@contextmanager
def told_as(kind: Type[CompressError], what: str, help: str) -> Iterator[None]:
    """Turns what NNabla raises into an error of ours; those of ours pass as they are.

    Args:
        kind: Class of the error.
        what: What can't be done.
        help: What to do about it.

    Raises:
        CompressError: ``kind``, or the error of ours that NNabla wrapped.

    Example:
        >>> from nnabla_compress.errors import ExportError
        >>> try:
        ...     with told_as(ExportError, "the network can't be run", "run it once yourself"):
        ...         raise RuntimeError("Failed `a == b`: No.")
        ... except ExportError as error:
        ...     print(error)
        the network can't be run: RuntimeError: Failed `a == b`: No.
        help: run it once yourself
    """
    try:
        with unwrapped():
            yield
    except CompressError:
        raise
    except Exception as error:
        raise kind(f"{what}: {reason(error)}.", help=help) from error
