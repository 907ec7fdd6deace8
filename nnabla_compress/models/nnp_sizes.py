# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much memory and work a stored network asks for, told from shapes before anything is computed.

NNabla takes memory for a variable when it is computed first, and a few functions while they are
made. A few numbers of a small file can stand for any size.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Sequence

import nnabla as nn

from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.names import shortened

Shape = Sequence[int]

MOST_SAMPLES = 4
"""How many times as much as one sample a batch may take that is computed."""


class NetworkSizes:
    """Adds up the variables and products of a network while its functions are made.

    Args:
        limits: Those of its file, for one sample.
        samples: How many times as much a batch may take.
        where: What messages call the network.
    """

    def __init__(self, limits: Limits, samples: int, where: str) -> None:
        self._most_values = limits.values * samples
        self._most_products = limits.products * samples
        self._where, self._values, self._products = where, 0, 0

    def take(self, name: str, values: int) -> None:
        """Counts a variable.

        Args:
            name: Its name, or that of the function that computes it.
            values: Its number of elements.

        Raises:
            DataError: If all variables together are more than the file may ask for.
        """
        self._values += values
        what = f"needs {{:,}} values of memory up to {shortened(name)}"
        check_limit(self._where, what, self._values, self._most_values)

    def foresee(self, function: Any, inputs: Sequence[nn.Variable]) -> None:
        """Looks at a function that takes memory while it is made.

        Args:
            function: A ``ProtoFunction`` of NNabla.
            inputs: Its inputs as built.

        Raises:
            DataError: If that is more than the file may ask for.
        """
        if function.type == "Tile" and inputs:
            reps = [max(1, abs(int(times))) for times in function.args["reps"]]
            values = math.prod(inputs[0].shape) * math.prod(reps)
            what = f"makes {{:,}} values in {shortened(function.name)}"
            check_limit(self._where, what, values, self._most_values)

    def add(
        self, function: Any, inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable]
    ) -> None:
        """Counts what a function computes.

        Args:
            function: A ``ProtoFunction`` of NNabla.
            inputs: Its inputs as built.
            outputs: Its outputs.

        Raises:
            DataError: If all functions together are more than the file may ask for.
        """
        made = sum(math.prod(variable.shape) for variable in outputs)
        self.take(function.name, made)
        self._products += products(
            function.type,
            function.args,
            [variable.shape for variable in inputs],
            [variable.shape for variable in outputs],
        )
        what = f"needs {{:,}} multiplications up to {shortened(function.name)}"
        check_limit(self._where, what, self._products, self._most_products)


def products(
    kind: str, arguments: Dict[str, Any], inputs: Sequence[Shape], outputs: Sequence[Shape]
) -> int:
    """Returns about how many multiplications a function takes.

    Args:
        kind: Its type.
        arguments: Its arguments.
        inputs: Shapes of its inputs.
        outputs: Shapes of its outputs.

    Example:
        >>> products("Affine", {}, [(2, 10), (10, 3)], [(2, 3)])
        60
        >>> products("MaxPooling", {"kernel": (2, 2)}, [(1, 1, 4, 4)], [(1, 1, 2, 2)])
        16
    """
    made = sum(map(math.prod, outputs))
    read = sum(map(math.prod, inputs))
    if len(inputs) > 1:
        for ending, count in _OF_WEIGHTS.items():
            if kind.endswith(ending):
                return count(inputs, made)
    window = [arguments.get(name, ()) for name in ("kernel", "patch")]
    once = made * math.prod(abs(int(size)) for sizes in window for size in _listed(sizes))
    times = max(1, int(arguments.get("itr", 1)), int(arguments.get("fft_size", 1)))
    if kind.startswith("Batch") and inputs and kind != "BatchNormalization":
        times = max(times, inputs[0][-1] if inputs[0] else 1)  # determinants, inverses
    if kind.startswith("Nms"):
        times = max(times, read)
    return max(once, read) * times


def _listed(value: Any) -> Sequence[int]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _by_rows(inputs: Sequence[Shape], made: int) -> int:
    """Each output is a sum over all weights of one of their rows."""
    return made * max(1, math.prod(inputs[1][1:]))


def _by_columns(inputs: Sequence[Shape], made: int) -> int:
    return made * max(1, math.prod(inputs[1][:1]))


def _by_inputs(inputs: Sequence[Shape], made: int) -> int:
    return math.prod(inputs[0]) * max(1, math.prod(inputs[1][1:]))


def _of_matrices(inputs: Sequence[Shape], made: int) -> int:
    # Either may be transposed.
    return made * max(1, *(size for shape in inputs[:1] for size in shape[-2:]))


def _of_states(inputs: Sequence[Shape], made: int) -> int:
    return math.prod(inputs[0][:2]) * sum(map(math.prod, inputs[2:]))


# By the endings of types: NNabla has binary, fused and incrementally quantized ones of each.
_OF_WEIGHTS: Dict[str, Callable[[Sequence[Shape], int], int]] = {
    "DepthwiseConvolution": _by_rows,
    "Convolution": _by_rows,
    "Deconvolution": _by_inputs,
    "Affine": _by_columns,
    "BatchMatmul": _of_matrices,
    "RNN": _of_states,
    "LSTM": _of_states,
    "GRU": _of_states,
}
