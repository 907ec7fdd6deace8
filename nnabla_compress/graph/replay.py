# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running a network on all samples function by function, so that layers can be changed on the way.

The outputs of a function for all samples are kept until its last reader has run. Whoever changes
the parameters of a layer before it runs sees all later layers run with the change, without running
any earlier one again.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.graph.batches import follows_batch, rows_at_once, sample_axes
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.passes import BATCH, run
from nnabla_compress.graph.rewrite import consumers, functions, leaves
from nnabla_compress.quantizers.engine import host_array

FLOAT_BYTES = 4

_Graphs = Dict[int, Tuple[Dict[nn.Variable, nn.Variable], List[nn.Variable]]]


class ComputedRows:
    """An array whose rows are computed when they are read, and not kept.

    Args:
        shape: Its shape.
        compute: Returns some rows: the first one, and how many.
    """

    def __init__(self, shape: Tuple[int, ...], compute: Callable[[int, int], np.ndarray]) -> None:
        self.shape = shape
        self._compute = compute

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Union[slice, np.ndarray]) -> np.ndarray:
        """Returns some rows.

        Args:
            rows: Their numbers, ascending, or a slice of all.
        """
        numbers = np.arange(len(self))[rows]
        first, last = int(numbers[0]), int(numbers[-1])
        found = self._compute(first, last + 1 - first)
        return found if len(numbers) == len(found) else found[numbers - first]

    def __array__(self, dtype: Any = None) -> np.ndarray:
        return self._compute(0, len(self)).astype(dtype or np.float32, copy=False)


class Replay:
    """A network on its way through all samples.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        batch_size: Rows of a forward pass.
        late: Whether a function is to run after all others that can run without it.

    Raises:
        DataError: If the network takes another number of samples only, and there are fewer.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 2))
        >>> h = F.relu(x)
        >>> replay = Replay([F.exp(h)], [x], [np.float32([[-1, 0], [0, 1], [2, 2]])])
        >>> replay.run_until(h.parent)
        >>> replay.value(x).shape
        (3, 2)
        >>> replay.run_through(h.parent)
        >>> replay.value(h).tolist()
        [[0.0, 0.0], [0.0, 1.0], [2.0, 2.0]]
    """

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Sequence[nn.Variable],
        samples: Sequence[np.ndarray],
        batch_size: int = BATCH,
        late: Callable[[Any], bool] = lambda function: False,
    ) -> None:
        self._order = _ordered(functions(outputs), late)
        self._position = {function: number for number, function in enumerate(self._order)}
        self._done = 0
        readers = consumers(outputs)
        # Outputs have a reader None: they stay.
        self._last_reader = {
            variable: max(self._position.get(f, len(self._order)) for f in found)
            for variable, found in readers.items()
        }
        self._count = len(samples[0])
        self._own = inputs[0].shape[0]
        self._axes: Dict[nn.Variable, int] = {}
        self._follows = False
        if follows_batch(outputs, inputs):
            self._size = min(batch_size, self._count)
            self._follows = True
            self._axes = sample_axes(outputs, inputs)
        else:  # only whole batches can be run
            self._size = self._own
            self._count -= self._count % self._size
        if not self._count:
            raise DataError(
                f"the network takes {self._own} samples at a time only, there are "
                f"{len(samples[0])}.",
                help=f"give {self._own} or more",
            )
        self._values: Dict[nn.Variable, np.ndarray] = {
            variable: array[: self._count] for variable, array in zip(inputs, samples)
        }

    def value(self, variable: nn.Variable) -> np.ndarray:
        """Returns a variable's values for all samples; those of inputs and computed ones not yet
        given up.
        """
        return self._values[variable]

    def end(self, function: Any) -> Union[np.ndarray, ComputedRows]:
        """Returns the output of a function after which none is run, computed when it is read.

        Args:
            function: One with one output; all before it are run.
        """
        self.run_until(function)
        (output,) = function.outputs
        graphs: _Graphs = {}

        def compute(first: int, count: int) -> np.ndarray:
            return self._compute(function, first, count, graphs)[0]

        if self._axes.get(output, 0) or not self._follows or output.shape[0] != self._own:
            return compute(0, self._count)
        return ComputedRows((self._count, *output.shape[1:]), compute)

    def has(self, variable: nn.Variable) -> bool:
        """Whether a variable's values are there."""
        return variable in self._values

    def run_until(self, function: Any) -> None:
        """Runs all functions before this one."""
        while self._done < self._position[function]:
            self._step()

    def run_through(self, function: Optional[Any] = None) -> None:
        """Runs all functions up to this one; all there are if it is None."""
        last = len(self._order) - 1 if function is None else self._position[function]
        while self._done <= last:
            self._step()

    def add(self, variable: nn.Variable, shift: np.ndarray) -> None:
        """Adds to a variable's values, as if its function had computed them so."""
        self._values[variable] += shift

    def _step(self) -> None:
        function = self._order[self._done]
        if any(variable in self._values for variable in function.inputs):
            for variable, values in zip(
                function.outputs, self._compute(function, 0, self._count, {})
            ):
                if variable in self._last_reader:
                    self._values[variable] = values
        for variable in function.inputs:
            if self._last_reader.get(variable, -1) <= self._done:
                self._values.pop(variable, None)
        self._done += 1

    def _compute(self, function: Any, first: int, count: int, graphs: _Graphs) -> List[np.ndarray]:
        """What a function gives for some samples; its graphs, by number of samples, are kept."""
        constants = {}
        for variable in function.inputs:
            if variable not in self._values:
                if variable.parent is not None:
                    run([variable])
                constants[variable] = variable.get_unlinked_variable()
        found: List[np.ndarray] = []
        size = self._rows(function)
        for start in range(0, count, size):
            rows = min(size, count - start)
            if rows not in graphs:
                graphs[rows] = self._graph(function, constants, rows)
            own, outputs = graphs[rows]
            for variable, mine in own.items():
                values, axis = self._values[variable], self._axes.get(variable, 0)
                host_array(mine.data, np.float32, overwrite=True)[...] = self._part(
                    values, axis, first + start, rows
                )
            run(outputs)
            axes = [self._axes.get(variable, 0) for variable in function.outputs]
            if not found:
                found = [
                    np.empty(_scaled(y.shape, axis, count, rows), np.float32)
                    for y, axis in zip(outputs, axes)
                ]
            for values, y, axis in zip(found, outputs, axes):
                self._part(values, axis, start, rows, count)[...] = host_array(y.data, np.float32)
        for variable in constants:
            if variable.parent is not None:
                variable.data.clear()  # a quantized weight would stay until the graph goes
        return found

    def _rows(self, function: Any) -> int:
        """Rows of a forward pass of one function: its inputs and outputs are there twice."""
        if not self._follows:
            return self._size
        moving = [v for v in (*function.inputs, *function.outputs) if v in self._axes]
        return min(self._size, rows_at_once(sum(int(v.size) for v in moving) // self._own))

    def _part(
        self, values: np.ndarray, axis: int, start: int, rows: int, count: int = 0
    ) -> np.ndarray:
        """The values of some samples, a view; of all samples, unless they are those of fewer."""
        # Where the rows of a batch meet, there are fewer rows than samples.
        all_rows = values.shape[axis]
        first, last = (at * all_rows // (count or self._count) for at in (start, start + rows))
        chosen = slice(first, last)
        return values[(slice(None),) * axis + (chosen,)]

    def _graph(
        self, function: Any, constants: Dict[nn.Variable, nn.Variable], rows: int
    ) -> Tuple[Dict[nn.Variable, nn.Variable], List[nn.Variable]]:
        own = {}
        for variable in function.inputs:
            if variable in self._values:
                values, axis = self._values[variable], self._axes.get(variable, 0)
                own[variable] = nn.Variable(_scaled(values.shape, axis, rows, self._count))
        inputs = [
            own[v] if v in own else self._for_rows(v, constants[v], rows) for v in function.inputs
        ]
        # Outputs of a function that works in place would take the memory of its inputs.
        changes = {"inplace": False} if "inplace" in function.info.args else None
        with nn.auto_forward(False):
            return own, with_cpu_kernels(clone(function, inputs, changes))

    def _for_rows(self, variable: nn.Variable, constant: nn.Variable, rows: int) -> nn.Variable:
        """What no sample changes, for another number of samples, as :func:`rebuild` makes it."""
        of_batch = variable.ndim > 1 and variable.shape[0] == self._own != rows
        if not of_batch or variable.parent is None or leaves([variable]):
            return constant
        return nn.Variable.from_numpy_array(np.repeat(constant.d[:1], rows, axis=0))


def _ordered(order: Sequence[Any], late: Callable[[Any], bool]) -> List[Any]:
    """Functions in an order of execution, those that are late after all that don't need them."""
    places = {function: place for place, function in enumerate(order)}
    readers: Dict[Any, List[Any]] = {function: [] for function in order}
    waits: Dict[Any, int] = {}
    for function in order:
        makers = {v.parent for v in function.inputs if v.parent in places}
        waits[function] = len(makers)
        for maker in makers:
            readers[maker].append(function)
    ready = [(late(f), places[f]) for f in order if not waits[f]]
    heapify(ready)
    found = []
    while ready:
        function = order[heappop(ready)[1]]
        found.append(function)
        for reader in readers[function]:
            waits[reader] -= 1
            if not waits[reader]:
                heappush(ready, (late(reader), places[reader]))
    return found


def _scaled(shape: Sequence[int], axis: int, count: int, of: int) -> Tuple[int, ...]:
    """A shape for another number of samples along an axis."""
    return (*shape[:axis], shape[axis] * count // of, *shape[axis + 1 :])
