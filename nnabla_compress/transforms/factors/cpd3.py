# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution as NNabla's cpd3_convolution has it: 1x1, one kernel a channel, 1x1."""

from __future__ import annotations

from functools import lru_cache
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions import cp3, cp3_tensor
from nnabla_compress.transforms.factors.form import Form, Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("cpd3")
class Cpd3(Form):
    """1 x 1 to r channels, a K x K kernel for each of them with the layer's stride, and 1 x 1."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        if kernel.points:
            return "a layer of single points takes svd"
        return None if len(kernel.kernel) <= 2 else "cpd3 is for kernels of one or two axes"

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the least rank with which every weight can be met."""
        outputs, inputs, size = kernel.outputs, kernel.inputs, int(np.prod(kernel.kernel))
        return (min(outputs * inputs, outputs * size, inputs * size),)

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the three convolutions."""
        (rank,), groups, ones = ranks, kernel.groups, (1,) * len(kernel.kernel)
        moved = {"pad": kernel.pad, "stride": kernel.stride, "dilation": kernel.dilation}
        first = (groups * rank, kernel.inputs, *ones)
        last = (groups * kernel.outputs, rank, *ones)
        middle = (groups * rank, *kernel.kernel)
        return [
            Piece("first", "Convolution", first, {}, groups),
            Piece("depthwise", "DepthwiseConvolution", middle, moved),
            Piece("last", "Convolution", last, {}, groups),
        ]

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the three weights."""
        outputs, inputs, *kernel = block.shape
        found = cp3(block.reshape(outputs, inputs, -1), ranks[0])
        last, first, middle = found.factors
        return [first.T, middle.T.reshape(-1, *kernel), last]

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns their sum of products."""
        first, middle, last = (factor.reshape(len(factor), -1) for factor in factors)
        return cp3_tensor([last, first.T, middle.T]).reshape(block)

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the three unfoldings, whose ranks bound that of the sum from below."""
        tensor = block.reshape(*block.shape[:2], -1)
        return [np.moveaxis(tensor, a, 0).reshape(tensor.shape[a], -1) for a in range(3)]

    def noise_ranks(self, block: np.ndarray) -> List[int]:
        """Returns the largest of the ranks of the unfoldings."""
        return [max(super().noise_ranks(block))]

    def missing(self, weight: np.ndarray, kernel: Kernel) -> Callable[[Ranks], float]:
        """Returns a function that decomposes: no singular values tell the error."""
        blocks = kernel.blocks(weight)
        whole = max(float(np.square(blocks).sum()), 1e-300)

        @lru_cache(maxsize=None)
        def of_ranks(ranks: Ranks) -> float:
            left = 0.0
            for block in blocks:
                error = cp3(block.reshape(*block.shape[:2], -1), ranks[0]).error
                left += error**2 * float(np.square(block).sum())
            return left / whole

        return of_ranks

    def of_energy(self, weight: np.ndarray, kernel: Kernel, energy: float) -> Ranks:
        """Returns the least rank that keeps a part of the energy, by bisection."""
        missing, low, high = self.missing(weight, kernel), 1, self.largest(kernel)[0]
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if missing((middle,)) <= 1 - energy else (middle + 1, high)
        return (low,)
