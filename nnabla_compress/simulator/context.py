# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A context of the runtime: memory, variables, and the functions in their order."""

from __future__ import annotations

from typing import Callable, FrozenSet, List, Mapping, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import CompressError
from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.kernels import KERNELS, Kernel, missing
from nnabla_compress.simulator.liveness import Liveness
from nnabla_compress.simulator.tensor import Tensor

MOST_CONSTANT_BYTES = 1 << 28
Callbacks = Mapping[Tuple[int, int], Callable[[Call], None]]


class Context:
    """Memory and functions of a network, for a number of samples side by side.

    What is computed from parameters only is computed once, if nothing depends on former calls.

    Args:
        network: The file.
        lanes: Samples that run side by side.
        memory_use: What is known of the file's memory.
        callbacks: Functions of the user's own by (id, ``implement``).
    """

    def __init__(
        self, network: NnbFile, lanes: int, memory_use: Liveness, callbacks: Callbacks
    ) -> None:
        self.lanes = lanes
        memory = [np.zeros(size * lanes, np.uint8) for size in network.buffer_sizes]
        self.tensors = [
            Tensor(n, v, None if v.buffer is None or not memory else memory[v.buffer], lanes)
            for n, v in enumerate(network.variables)
        ]
        self.inputs = [self.tensors[n] for n in network.inputs]
        self.once: List[Tuple[Kernel, Call]] = []
        self.steps: List[Tuple[Kernel, Call]] = []
        constants: FrozenSet[int] = frozenset()
        if memory_use.repeatable and _constant_bytes(network, memory_use) <= MOST_CONSTANT_BYTES:
            constants = memory_use.constants
        # What a variable is at this point: constants lie beside the buffers, which are used again.
        current = list(self.tensors)
        for number, function in enumerate(network.functions):
            inputs = [current[n] for n in function.inputs]
            for n in function.outputs:
                tensor = self.tensors[n]
                current[n] = tensor.as_constant() if number in constants else tensor
            call = Call(number, function, inputs, [current[n] for n in function.outputs])
            kernel = callbacks.get((function.id, function.implement))
            chosen = kernel or KERNELS.get(function.type_name, missing)
            (self.once if number in constants else self.steps).append((chosen, call))
        self.outputs = [current[n] for n in network.outputs]

    def run(self, arrays: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Runs all functions.

        Args:
            arrays: One for each input, of its type, shape (*shape, lanes).

        Returns:
            One for each output, shape (*shape, lanes): views that hold until the next run.
        """
        with np.errstate(all="ignore"):
            for tensor, array in zip(self.inputs, arrays):
                tensor.array[...] = array
            while self.once:
                _run(*self.once[0])
                self.once.pop(0)
            for kernel, call in self.steps:
                _run(kernel, call)
        return [
            np.broadcast_to(tensor.array, (*tensor.shape, self.lanes)) for tensor in self.outputs
        ]


def _constant_bytes(network: NnbFile, memory_use: Liveness) -> int:
    functions = [network.functions[position] for position in memory_use.constants]
    return sum(network.variables[n].nbytes for function in functions for n in function.outputs)


def _run(kernel: Kernel, call: Call) -> None:
    try:
        for output in call.outputs:
            _ = output.array  # a shape beyond its buffer is refused before anything is computed
        kernel(call)
    except CompressError:
        raise
    except (ValueError, IndexError, TypeError, KeyError, ArithmeticError, MemoryError) as error:
        raise call.misfit(f"shapes and arguments contradict each other, {error}") from error
