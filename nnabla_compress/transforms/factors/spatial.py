# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution as a vertical and a horizontal one."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions import spatial, spatial_matrix, spatial_weight
from nnabla_compress.transforms.factors.form import Form, Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("spatial")
class Spatial(Form):
    """K x 1 to r channels and then 1 x K, each with the stride and padding of its axis."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        wide = len(kernel.kernel) == 2 and min(kernel.kernel) > 1
        return None if wide else "spatial is for kernels with more than one row and column"

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the largest rank."""
        height, width = kernel.kernel
        return (min(kernel.inputs * height, kernel.outputs * width),)

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the vertical convolution and the horizontal one."""
        (rank,), groups = ranks, kernel.groups
        (height, width), every = kernel.kernel, (kernel.pad, kernel.stride, kernel.dilation)
        vertical = [(values[0], rest) for values, rest in zip(every, (0, 1, 1))]
        horizontal = [(rest, values[1]) for values, rest in zip(every, (0, 1, 1))]
        names = ("pad", "stride", "dilation")
        shapes = [
            (groups * rank, kernel.inputs, height, 1),
            (groups * kernel.outputs, rank, 1, width),
        ]
        return [
            Piece("vertical", "Convolution", shapes[0], dict(zip(names, vertical)), groups),
            Piece("horizontal", "Convolution", shapes[1], dict(zip(names, horizontal)), groups),
        ]

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the two weights."""
        return list(spatial(block, ranks[0]))

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns their product."""
        return spatial_weight(*factors)

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns inputs and rows against outputs and columns."""
        return [spatial_matrix(block)]
