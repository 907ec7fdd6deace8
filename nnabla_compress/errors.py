# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can go wrong: exceptions whose messages say what, where, got, limit and what to do."""

from __future__ import annotations

from typing import Optional


class CompressError(Exception):
    """Base of every error that a user can cause and mend.

    Args:
        message: What went wrong, where, what was given and what the limit is.
        help: What to do about it, printed on a line of its own.

    Example:
        >>> print(CompressError("bits is 9, the most is 8.", help="choose 1 to 8"))
        bits is 9, the most is 8.
        help: choose 1 to 8
    """

    def __init__(self, message: str, help: Optional[str] = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return self.message if self.help is None else f"{self.message}\nhelp: {self.help}"


class ConfigError(CompressError):
    """Raised when a setting or an argument has no meaning or lies outside its range."""


class DataError(CompressError):
    """Raised when a data set is missing, damaged or of the wrong shape."""


class FixedBatchError(DataError):
    """Raised when a network can only be computed with the batch size that is written into it.

    Args:
        message: As of :class:`CompressError`.
        help: Likewise.
        rows: That batch size.
    """

    def __init__(self, message: str, help: Optional[str], rows: int) -> None:
        super().__init__(message, help)
        self.rows = rows


class TrainingError(CompressError):
    """Raised when a training can't go on, for instance because the loss is not a number."""


class UnsupportedFunctionError(CompressError):
    """Raised when a network holds a function that the chosen way can't handle."""


class InfeasibleBudgetError(CompressError):
    """Raised when no choice of bit widths meets a memory budget."""


class ExportError(CompressError):
    """Raised when a network can't be written for its target."""


class VerifyError(CompressError):
    """Raised when what was written does not compute what was trained."""


def unwrap(error: BaseException) -> BaseException:
    """Returns the CompressError behind an exception that NNabla's engine wrapped.

    NNabla turns an exception raised inside a Python function of the graph into a ``SystemError``
    whose cause is the original.

    Args:
        error: Any exception.

    Returns:
        The first CompressError along the chain of causes, else ``error`` itself.

    Example:
        >>> inner = CompressError("W holds NaN.")
        >>> outer = SystemError("error return")
        >>> outer.__cause__ = inner
        >>> unwrap(outer) is inner
        True
    """
    seen: Optional[BaseException] = error
    while seen is not None:
        if isinstance(seen, CompressError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error
