# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution between few channels, and 1x1 convolutions to it and from it."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions import Tucker2, mode_values, tucker2, tucker2_weight
from nnabla_compress.transforms.factors.form import Form, Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("tucker")
class Tucker(Form):
    """1 x 1 to r_in channels, K x K to r_out with the layer's stride, and 1 x 1 to all."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        return "a layer of single points takes svd" if kernel.points else None

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the largest rank of the inputs, and of the outputs."""
        size = int(np.prod(kernel.kernel))
        inputs, outputs = kernel.inputs, kernel.outputs
        return min(inputs, outputs * size), min(outputs, inputs * size)

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the three convolutions."""
        (inputs, outputs), groups, ones = ranks, kernel.groups, (1,) * len(kernel.kernel)
        moved = {"pad": kernel.pad, "stride": kernel.stride, "dilation": kernel.dilation}
        first = (groups * inputs, kernel.inputs, *ones)
        core = (groups * outputs, inputs, *kernel.kernel)
        last = (groups * kernel.outputs, outputs, *ones)
        return [
            Piece("first", "Convolution", first, {}, groups),
            Piece("core", "Convolution", core, moved, groups),
            Piece("last", "Convolution", last, {}, groups),
        ]

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the three weights."""
        return list(tucker2(block, *ranks))

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns their product."""
        first, core, last = factors
        matrices = first.reshape(len(first), -1), core, last.reshape(len(last), -1)
        return tucker2_weight(Tucker2(*matrices))

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns inputs, and outputs, against all else."""
        return [np.moveaxis(block, axis, 0).reshape(block.shape[axis], -1) for axis in (1, 0)]

    def values(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the singular values of both unfoldings."""
        return [mode_values(block, axis)[: self._most(block, axis)] for axis in (1, 0)]

    def _most(self, block: np.ndarray, axis: int) -> int:
        return int(min(block.shape[axis], block.size // block.shape[axis]))
