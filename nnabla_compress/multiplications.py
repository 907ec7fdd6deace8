# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many multiplications a function takes, told from the shapes that it reads and makes."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Sequence

Shape = Sequence[int]


def products(
    kind: str, arguments: Mapping[str, Any], inputs: Sequence[Shape], outputs: Sequence[Shape]
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
_OF_WEIGHTS: Mapping[str, Callable[[Sequence[Shape], int], int]] = {
    "DepthwiseConvolution": _by_rows,
    "Convolution": _by_rows,
    "Deconvolution": _by_inputs,
    "Affine": _by_columns,
    "BatchMatmul": _of_matrices,
    "RNN": _of_states,
    "LSTM": _of_states,
    "GRU": _of_states,
}
