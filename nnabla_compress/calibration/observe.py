# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Passing calibration samples through a network and collecting statistics of its tensors."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.calibration.samples import batches
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.graph import functions, rebuild
from nnabla_compress.graph.batches import few_rows, rows_of
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.passes import BATCH, run
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def observe(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    tensors: Mapping[nn.Variable, str],
    batch_size: int = BATCH,
) -> Dict[nn.Variable, Statistics]:
    """Runs the network on the samples and collects statistics of tensors.

    They are read where the functions leave them, each batch once, before NNabla gives the memory
    back: nothing is copied and no function is added.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        tensors: Names of the variables of the graph to observe, inputs too.
        batch_size: Rows of a forward pass.

    Returns:
        Statistics by variable. Tensors that the network does not compute have seen nothing.

    Raises:
        DataError: If a tensor is NaN or infinite.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 2))
        >>> y = F.relu(x)
        >>> found = observe([y], [x], [np.float32([[-1, 2], [3, 4]])], {y: "relu"})
        >>> found[y].low, found[y].high
        (0.0, 4.0)
    """
    size = _size(outputs, inputs, samples, batch_size)
    own = [nn.Variable((size, *variable.shape[1:])) for variable in inputs]
    with nn.auto_forward(False):
        copies = with_cpu_kernels(rebuild(outputs, inputs=dict(zip(inputs, own))))
    found = {variable: Statistics(name) for variable, name in tensors.items()}
    watched: Dict[Any, List[Tuple[int, Statistics]]] = {}
    for function, copy in zip(functions(outputs), functions(copies)):
        for number, variable in enumerate(function.outputs):
            if variable in found:
                watched.setdefault(copy, []).append((number, found[variable]))
    count, parts = 0, -(-len(samples[0]) // size)
    failure: List[BaseException] = []

    def after(function: Any) -> None:
        try:
            for number, statistics in watched.get(function, ()):
                values = host_array(function.outputs[number].data, np.float32)
                if count < size and values.size % size == 0:
                    values = values.reshape(size, -1)[:count]
                statistics.update(values)
        except BaseException as error:  # NNabla's engine hands on nothing of what it was
            failure.append(error)
            raise

    for rows, count in tracked("observing feature maps", batches(samples, size), parts):
        for variable, mine, values in zip(inputs, own, rows):
            mine.d = values
            if variable in found:
                found[variable].update(values[:count])
        run(copies, after, failure)
    give_back()
    return found


@one_at_a_time
def compute(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    batch_size: int = BATCH,
) -> List[np.ndarray]:
    """Returns the outputs of a network for all samples.

    Args:
        outputs: Variables of one graph, with one entry a sample along their first axis.
        inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        batch_size: Rows of a forward pass.

    Raises:
        DataError: If the network can't be run.

    Example:
        >>> x = nn.Variable((1, 1))
        >>> compute([x * 2], [x], [np.float32([[1], [2]])])[0].tolist()
        [[2.0], [4.0]]
    """
    return Computation(outputs, inputs, samples, batch_size)()


class Computation:
    """A network that is run on the same samples again and again, whatever its parameters become.

    Args:
        outputs: As of :func:`compute`.
        inputs: Likewise.
        samples: Likewise.
        batch_size: Likewise.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((1, 1)), nn.Variable.from_numpy_array(np.float32([[2]]))
        >>> computation = Computation([F.affine(x, w)], [x], [np.float32([[1], [2]])])
        >>> before = computation()
        >>> w.d = 3
        >>> before[0].tolist(), computation()[0].tolist()
        ([[2.0], [4.0]], [[3.0], [6.0]])
    """

    @one_at_a_time
    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Sequence[nn.Variable],
        samples: Sequence[np.ndarray],
        batch_size: int = BATCH,
    ) -> None:
        self._samples = samples
        self._size = _size(outputs, inputs, samples, batch_size)
        self._inputs = [nn.Variable((self._size, *variable.shape[1:])) for variable in inputs]
        with nn.auto_forward(False):
            made = rebuild(outputs, inputs=dict(zip(inputs, self._inputs)))
            self._outputs = with_cpu_kernels(made)
        for variable in self._outputs:
            variable.persistent = True

    @one_at_a_time
    def __call__(self) -> List[np.ndarray]:
        """Returns the outputs for all samples.

        Raises:
            DataError: If the network can't be run.
        """
        rows_of_all = len(self._samples[0])
        found: List[np.ndarray] = []
        total = -(-rows_of_all // self._size)
        rounds, done = batches(self._samples, self._size), 0
        for rows, count in tracked("running the network", rounds, total):
            for mine, values in zip(self._inputs, rows):
                mine.d = values
            run(self._outputs)
            for number, variable in enumerate(self._outputs):
                if not done:
                    given = variable.d
                    found.append(np.empty((rows_of_all, *given.shape[1:]), given.dtype))
                found[number][done : done + count] = variable.d[:count]
                variable.data.clear()  # it would stay until the next time
            done += count
        give_back()
        return found


def _size(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    batch_size: int,
) -> int:
    """Rows of a forward pass; a batch that is written into the network may be the only one."""
    wanted = few_rows(outputs, inputs, min(batch_size, len(samples[0])))
    return rows_of(outputs, inputs, wanted)
