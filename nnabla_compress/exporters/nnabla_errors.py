# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The telling part of what NNabla's engine says when it refuses something."""

from __future__ import annotations


def reason(error: BaseException) -> str:
    r"""Returns one line of an exception's text: the failed check, if the engine names one.

    Example:
        >>> reason(RuntimeError("value error in setup_impl\nreshape.cpp\nFailed `a == b`: No."))
        'RuntimeError: Failed `a == b`: No'
    """
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("Failed")] or lines[:1]
    return f"{type(error).__name__}: {telling[0]}" if telling else type(error).__name__
