# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One call at a time: what NNabla and BLAS hold once a process must not change under a call.

The current parameter scope, automatic execution, the context and the generators of NNabla are
variables of its modules, the same for all threads. Whoever computes with them does so alone; calls
from several threads run one after another, and give what they give one after another.

BLAS adds in another order where it shares a product between threads. A call computes its products
on one thread, so that its bits do not depend on how many there are.
"""

from __future__ import annotations

import functools
import os
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, TypeVar, cast

import numpy  # noqa: F401 - its BLAS must be there when the controller looks for one
from threadpoolctl import ThreadpoolController

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Turn:
    """Whose turn it is, in this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.taken = False


_turn = _Turn()
_at_end: List[Callable[[], Any]] = []


def _begin_anew() -> None:
    """A forked process has the forking thread only: nobody else would ever let go of the lock."""
    global _turn
    _turn = _Turn()


os.register_at_fork(after_in_child=_begin_anew)


@functools.lru_cache(maxsize=None)
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def exclusive() -> Iterator[None]:
    """Keeps calls of this package in other threads waiting until the block ends.

    Every function of this package that builds, changes, computes or writes a network does so
    itself. A script whose threads also use NNabla directly (``nn.parameter_scope``, ``PF``, forward
    passes) puts its own work into such a block, too. Blocks can be nested. A function that is
    called within it, for instance to show progress, must not wait for another thread that calls
    this package.

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF
        >>> with exclusive(), nn.parameter_scope("mine", {}):
        ...     y = PF.affine(nn.Variable((1, 4)), 3, name="fc")
    """
    turn = _turn
    with turn.lock:
        if turn.taken:
            yield
            return
        turn.taken = True
        try:
            with _pools().limit(limits=1, user_api="blas"):
                yield
        finally:
            turn.taken = False
            for call in _at_end:
                call()


def is_taken() -> bool:
    """Returns whether a call that takes turns lasts."""
    return _turn.taken


def at_end(call: Callable[[], Any]) -> None:
    """Has something called whenever the outermost of such calls ends.

    Args:
        call: What lets go of what was kept for that call.
    """
    _at_end.append(call)


def one_at_a_time(function: _Function) -> _Function:
    """Makes all calls of a function take turns, as :func:`exclusive` does.

    Args:
        function: What builds, changes, computes or writes networks.

    Example:
        >>> @one_at_a_time
        ... def double(number):
        ...     return 2 * number
        >>> double(4)
        8
    """

    @functools.wraps(function)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with exclusive():
            return function(*args, **kwargs)

    return cast(_Function, alone)
