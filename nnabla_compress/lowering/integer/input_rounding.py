# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What enters the first layer, rounded to a grid that leaves the layer's sums exact."""

from __future__ import annotations

import math
from copy import copy
from typing import Any, List, Mapping, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.fixed_point.evaluate import Feed, copy_of, evaluate, feeds
from nnabla_compress.lowering.integer.layers import most_codes
from nnabla_compress.lowering.integer.tensors import IntegerTensor
from nnabla_compress.lowering.integer.weights import IntegerWeight

_SAMPLES, _ROWS = 256, 32
# A rounded input may be so many times larger than the samples are, and has so many bits at most.
_HEADROOM, _BITS = 4.0, 16


class InputRounding:
    """Puts what enters a first layer onto a grid: the finest power of two that is still exact.

    Args:
        inputs: The network's inputs by name.
        samples: Arrays (rows, ...) by name, which tell the range; without them nothing is rounded.
        target: Name of the target, for messages.
        outputs: The network's outputs.
    """

    def __init__(
        self,
        inputs: Mapping[str, nn.Variable],
        samples: Mapping[str, np.ndarray],
        target: str,
        outputs: Sequence[nn.Variable] = (),
    ) -> None:
        self.notes: List[str] = []
        self._batches: List[Feed] = []
        if samples:
            self._batches = list(feeds(inputs, samples, _SAMPLES, _ROWS, target, outputs))

    def again(self) -> InputRounding:
        """Returns one that has told nothing yet, of the same samples."""
        other = copy(self)
        other.notes = []
        return other

    def __call__(
        self, layer: Any, x: nn.Variable, weight: IntegerWeight
    ) -> Optional[IntegerTensor]:
        """Returns the codes of a layer's input; None without samples, or behind other layers."""
        old = layer.inputs[0]
        if not self._batches or any(f.info.type_name in WEIGHTED for f in functions([old])):
            return None
        peak = 0.0
        for feed in self._batches:
            values = feed[old] if old in feed else evaluate([old], feed, copy_of)[0]
            peak = max(peak, float(np.abs(values).max()))
        if peak == 0:
            return None
        range_ = peak * _HEADROOM
        most = min(most_codes(layer, weight), 2.0 ** (_BITS - 1) - 1)
        step = 2.0 ** math.ceil(math.log2(range_ / most))
        limit = float(math.floor(min(range_ / step, most)))
        codes = F.round(F.mul_scalar(x, 1 / step))
        codes = F.minimum_scalar(F.maximum_scalar(codes, -limit), limit)
        self.notes.append(
            f"what enters the first layer has no quantizer: it is rounded to multiples of {step:g} "
            f"from {-limit * step:g} to {limit * step:g}"
        )
        return IntegerTensor(codes, step)
