# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batches in equal parts, shares, that pass through the network side by side where there are cores.

Each share passes by itself, forward and backward, from the same parameters. Gradients are the means
of the shares'; so is what a pass did to running statistics. Shares are always added up in their
order, so that a training has the same bits on any number of processes, and after any resume.

Processes are forked when the first batch is there: what they need of the graph they have. They are
told the values of its leaves before each pass, and answer in memory that is shared.
"""

from __future__ import annotations

import mmap
import multiprocessing
import pickle
import signal
import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import nnabla as nn
import numba
import numpy as np

from nnabla_compress.errors import CompressError, TrainingError, unwrapped
from nnabla_compress.graph.rewrite import leaves

_ALIGNED = 64  # bytes

Pass = Callable[[int, int], Sequence[float]]
# The number of a batch, and a state that is new.
Order = Tuple[int, Optional[bytes]]


class Shares:
    """Computes the gradients of batches share by share.

    There are as many processes as kernels would have threads: ``NUMBA_NUM_THREADS``, by default one
    for each core. On systems other than Linux, and on a GPU, this one computes all shares.

    Args:
        count: Shares of a batch, from 2.
        objective: What is minimized, shape ().
        apart: Variables whose values this need not mind: those that a pass puts values into, and
            constants of size.
        set_by_passes: Variables that are learned, but that a pass may set, too, as a quantizer sets
            its range by the first batch.
        pass_through: Takes the number of a batch and of a share, puts the share into the graph,
            and computes forward and backward; gradients are zero before. Returns numbers whose
            means over all shares are wanted.
        measured: How many numbers.
        state: Returns what else a pass depends on, beside the values of leaves.
        restore: Takes that back.
    """

    def __init__(
        self,
        count: int,
        objective: nn.Variable,
        apart: Sequence[nn.Variable],
        set_by_passes: Sequence[nn.Variable],
        pass_through: Pass,
        measured: int,
        state: Callable[[], Any] = dict,
        restore: Callable[[Any], None] = lambda state: None,
    ) -> None:
        self.count = count
        self._pass = pass_through
        others = {variable.data for variable in apart}
        found = {leaf.data: leaf for leaf in leaves([objective]) if leaf.data not in others}
        self._leaves = list(found.values())
        self._learned = [leaf for leaf in self._leaves if leaf.need_grad]
        moving = {variable.data for variable in set_by_passes}
        # Codes are no numbers that a pass changes.
        self._states = [
            leaf
            for leaf in self._leaves
            if _is_float(leaf) and (not leaf.need_grad or leaf.data in moving)
        ]
        self._measured = measured
        self._state, self._restore = state, restore
        self._told = b""
        self._given: List[np.ndarray] = []
        self._helpers: List[_Helper] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Ends the processes behind it."""
        try:
            yield
        finally:
            for helper in self._helpers:
                helper.close()
            self._given, self._helpers = [], []

    def compute(self, number: int) -> np.ndarray:
        """Puts the mean gradients of a batch into its leaves, and returns the mean numbers.

        Args:
            number: Of the batch.

        Raises:
            TrainingError: If another process ends.
        """
        if not self._given:
            self._begin()
        for leaf, given in zip(self._leaves, self._given):
            given[...] = leaf.data.data
        if self._helpers:
            self._send(number)
        with _one_thread() if self._helpers else nullcontext():
            self._work(number, self._own)
        for helper in self._helpers:
            helper.receive()
        for leaf, rows in zip(self._learned, self._gradients):
            leaf.g = _mean(rows)
        for leaf, rows in zip(self._states, self._after):
            leaf.data.data[...] = _mean(rows)
        return np.asarray(self._numbers.mean(axis=0))

    def _send(self, number: int) -> None:
        state = pickle.dumps(self._state())
        news, self._told = (state if state != self._told else None), state
        for helper in self._helpers:
            helper.send((number, news))

    def _begin(self) -> None:
        processes = min(self.count, _processes())
        rows = [part.tolist() for part in np.array_split(range(self.count), processes)]
        self._own = rows[0]
        arrays = [leaf.data.data for leaf in self._leaves]
        states = [leaf.data.data for leaf in self._states]
        shapes: List[Tuple[Tuple[int, ...], Any]] = [(a.shape, a.dtype) for a in arrays]
        shapes += [((self.count, *leaf.shape), np.float32) for leaf in self._learned]
        shapes += [((self.count, *a.shape), a.dtype) for a in states]
        shapes += [((self.count, self._measured), np.float64)]
        made = _shared_arrays(shapes)
        self._given = made[: len(arrays)]
        of_leaf = {id(leaf): given for leaf, given in zip(self._leaves, self._given)}
        self._before = [of_leaf[id(leaf)] for leaf in self._states]
        self._gradients = made[len(arrays) : len(arrays) + len(self._learned)]
        self._after, self._numbers = made[len(arrays) + len(self._learned) : -1], made[-1]
        self._told = pickle.dumps(self._state())
        for own in rows[1:]:
            others = [helper.connection for helper in self._helpers]
            self._helpers.append(_Helper(partial(self._help, own), others))

    def _help(self, rows: Sequence[int], order: Order) -> None:
        number, news = order
        if news is not None:
            self._restore(pickle.loads(news))
        for leaf, given in zip(self._leaves, self._given):
            leaf.data.data[...] = given
        self._work(number, rows)

    def _work(self, number: int, rows: Sequence[int]) -> None:
        """Computes some shares, each from the state that all begin with."""
        for row in rows:
            for state, before in zip(self._states, self._before):
                state.data.data[...] = before
            for leaf in self._learned:
                leaf.grad.zero()
            self._numbers[row] = self._pass(number, row)
            for leaf, gradients in zip(self._learned, self._gradients):
                gradients[row] = leaf.g
            for leaf, after in zip(self._states, self._after):
                after[row] = leaf.data.data


class _Helper:
    """A forked process that does one thing for each order that it gets."""

    def __init__(self, work: Callable[[Order], None], others: Sequence[Connection]) -> None:
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        arguments = (work, theirs, [self.connection, *others])
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def send(self, order: Order) -> None:
        try:
            self.connection.send(order)
        except OSError:
            raise self._lost() from None

    def receive(self) -> None:
        try:
            error = self.connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if error is not None:
            raise error

    def close(self) -> None:
        self.connection.close()
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _lost(self) -> TrainingError:
        self._process.join(1)
        return TrainingError(
            "a process that computed a share of each batch ended "
            f"(exit status {self._process.exitcode}).",
            help="go on with --resume; if memory ran out, with NUMBA_NUM_THREADS=1 one process "
            "computes all shares, to the same bits",
        )


def _serve(
    work: Callable[[Order], None], connection: Connection, others: Sequence[Connection]
) -> None:
    # The end of the training is the end of the connection: no copy of its other end stays open.
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            connection.send(_problem(work, connection.recv()))
    except (EOFError, OSError):
        return


def _problem(work: Callable[[Order], None], order: Order) -> Optional[CompressError]:
    """Does the work, and returns what went wrong."""
    try:
        with unwrapped():
            work(order)
    except CompressError as error:
        return error
    except Exception as error:
        return TrainingError(f"a share of a batch can't be computed: {error}.")
    return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Leaves the other cores to the other processes."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(threads)


def _is_float(leaf: nn.Variable) -> bool:
    return bool(np.dtype(leaf.data.dtype).kind == "f")


def _processes() -> int:
    """How many processes may compute at once."""
    on_cpu = all("cpu" in backend for backend in nn.get_current_context().backend)
    # Elsewhere libraries of the system don't survive a fork, or there is none.
    forks = sys.platform == "linux" and not multiprocessing.current_process().daemon
    if not forks or not on_cpu:
        return 1
    return int(numba.get_num_threads())


def _shared_arrays(shapes: Sequence[Tuple[Tuple[int, ...], Any]]) -> List[np.ndarray]:
    """Arrays that processes forked later see, too."""
    sizes = [int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in shapes]
    begins = np.concatenate([[0], np.cumsum([-(-size // _ALIGNED) * _ALIGNED for size in sizes])])
    memory = mmap.mmap(-1, max(1, int(begins[-1])))
    return [np.ndarray(*each, memory, int(begin)) for each, begin in zip(shapes, begins)]


def _mean(rows: np.ndarray) -> np.ndarray:
    """The mean of shares, added up in their order; what all have alike stays as it is."""
    total, alike = rows[0].copy(), np.ones(rows[0].shape, bool)
    for row in rows[1:]:
        total += row
        alike &= row == rows[0]
    return np.where(alike, rows[0], total / rows.dtype.type(len(rows)))
