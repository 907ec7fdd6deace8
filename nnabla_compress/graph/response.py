# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far the outputs of a network move when what it computes with hardly does."""

from __future__ import annotations

from typing import Any, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.inputs import SEED
from nnabla_compress.graph.rewrite import depending
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.quantizers.engine import host_array

TRIES = 16
"""A value on a border between two steps falls to either side in half of the tries."""
_HARDLY = 1e-3
_ROUNDING = 1e-6  # ten times that of a float: sums have many terms


def response(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    values: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    tries: int = TRIES,
) -> float:
    """Returns how far a network's outputs move, root mean square, the most of several tries.

    In each of them the inputs move by a thousandth of their spread, and feature maps by a millionth
    of their largest magnitude before they are quantized, as additions in another order do.

    Args:
        inputs: Its inputs.
        outputs: Its outputs.
        values: An array for each input.
        expected: What the outputs are for these.
        tries: How many tries.
    """
    rng = np.random.RandomState(SEED)
    maps = depending(outputs, inputs)

    def before(function: Any) -> None:
        if quantizer_of(function) is not None and function.inputs[0] in maps:
            x = host_array(function.inputs[0].data, np.float32)
            x += np.float32(_ROUNDING * np.abs(x).max(initial=0)) * rng.uniform(-1, 1, x.shape)

    most = 0.0
    for _ in range(tries):
        moved = [
            (x + _HARDLY * (x.std() or 1.0) * rng.randn(*x.shape)).astype(np.float32)
            for x in values
        ]
        found = agreement(expected, run(inputs, outputs, moved, before=before))
        most = max(most, found.root_mean_square)
    return most
