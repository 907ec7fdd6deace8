# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can go wrong: exceptions whose messages say what, where, got, limit and what to do."""

from __future__ import annotations

from contextlib import contextmanager
from traceback import walk_tb
from typing import Collection, Iterator, Optional

__all__ = [
    "CompressError",
    "ConfigError",
    "DataError",
    "DiskFullError",
    "ExportError",
    "FixedBatchError",
    "InfeasibleBudgetError",
    "LimitError",
    "TrainingError",
    "UnknownKeyError",
    "UnsupportedFunctionError",
    "VerifyError",
]

_OWN = __name__.partition(".")[0]


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


class UnknownKeyError(ConfigError):
    """Raised for a key that options don't have.

    Args:
        message: What went wrong.
        help: What to do about it.
        key: The key.
    """

    def __init__(self, message: str, help: Optional[str], key: str) -> None:
        super().__init__(message, help)
        self.key = key


class DiskFullError(ConfigError):
    """Raised when there is no room to write to; nothing else that writes would do better."""


class DataError(CompressError):
    """Raised when a data set is missing, damaged or of the wrong shape."""


class LimitError(DataError):
    """Raised when a file asks for more memory or work than a file of its size may."""


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


def causes(error: BaseException) -> Iterator[BaseException]:
    """Gives an exception and those behind it, each once: causes before contexts.

    The chain may close upon itself: an engine that hands an exception through keeps what it got as
    the cause, and what is raised again from there has it as its own cause in turn.

    Args:
        error: Any exception.

    Yields:
        The exception, then those that led to it, nearest first.

    Example:
        >>> first, second = ValueError("a"), ValueError("b")
        >>> first.__cause__, second.__cause__ = second, first
        >>> [str(each) for each in causes(first)]
        ['a', 'b']
    """
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [found for found in (each.__cause__, each.__context__) if found is not None]


def raised_in(error: BaseException, packages: Collection[str]) -> bool:
    """Returns whether an exception comes from code of some packages, and not from this one's.

    Code of the standard library and of others counts as that of whoever called it.

    Args:
        error: Any exception that was caught.
        packages: Names of packages, such as "nnabla".

    Example:
        >>> import json
        >>> try:
        ...     json.loads("{")
        ... except ValueError as error:
        ...     raised_in(error, ["json"]), raised_in(error, ["nnabla"])
        (True, False)
    """
    callers = [_package(type(error).__module__)]  # an extension in C leaves no other trace
    callers += [_package(f.f_globals.get("__name__", "")) for f, _ in walk_tb(error.__traceback__)]
    known = {_OWN, *packages}
    telling = [caller for caller in callers if caller in known]
    return bool(telling) and (telling[-1] != _OWN or callers[0] in packages)


def _package(module: str) -> str:
    return module.partition(".")[0]


def unwrap(error: BaseException) -> BaseException:
    """Returns the interrupt or the CompressError behind an exception that NNabla wrapped.

    NNabla turns an exception raised inside a Python function of the graph, Ctrl-C included, into a
    ``SystemError`` whose cause is the original.

    Args:
        error: Any exception.

    Returns:
        The first KeyboardInterrupt along the chain of causes, else the first CompressError, else
        ``error`` itself.

    Example:
        >>> inner = CompressError("W holds NaN.")
        >>> outer = SystemError("error return")
        >>> outer.__cause__ = inner
        >>> unwrap(outer) is inner
        True
    """
    for kind in (KeyboardInterrupt, CompressError):
        for each in causes(error):
            if isinstance(each, kind):
                return each
    return error


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raises what stands behind an exception of NNabla's engine, if it is an interrupt or ours.

    Any other exception passes as it is. Whoever catches ``Exception`` around a call of NNabla puts
    this inside, so that Ctrl-C is never taken for a fault of the network.

    Raises:
        KeyboardInterrupt: If the user stopped the program.
        CompressError: The error of ours that NNabla wrapped.

    Example:
        >>> try:
        ...     with unwrapped():
        ...         raise SystemError("error return") from KeyboardInterrupt()
        ... except KeyboardInterrupt:
        ...     print("stopped")
        stopped
    """
    try:
        yield
    except Exception as error:
        found = unwrap(error)
        if found is error:
            raise
        raise found from None
