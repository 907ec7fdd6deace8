# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution as NNabla's svd_convolution has it: kernels of each input map, then 1x1."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions import input_maps, input_maps_weight, singular_values
from nnabla_compress.transforms.factors.form import Form, Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("svd_convolution")
class SvdConvolution(Form):
    """r kernels K x K for each input map, with the layer's stride, and 1 x 1 of all of them."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        if kernel.points:
            return "a layer of single points takes svd"
        return None if len(kernel.kernel) <= 2 else "svd_convolution is for one or two axes"

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the largest rank."""
        return (min(kernel.outputs, int(np.prod(kernel.kernel))),)

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the depthwise convolution and the one to all channels."""
        (rank,), groups = ranks, kernel.groups
        moved = {"pad": kernel.pad, "stride": kernel.stride, "dilation": kernel.dilation}
        made = kernel.inputs * rank
        last = (groups * kernel.outputs, made, *(1,) * len(kernel.kernel))
        kernels = (groups * made, *kernel.kernel)
        return [
            Piece("depthwise", "DepthwiseConvolution", kernels, moved, rank),
            Piece("last", "Convolution", last, {}, groups),
        ]

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the two weights."""
        return list(input_maps(block, ranks[0]))

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns their product."""
        depthwise, last = factors
        return input_maps_weight(depthwise, last.reshape(len(last), -1), block[1])

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the kernels of each input map, (outputs, weights of a kernel)."""
        return [block[:, channel].reshape(len(block), -1) for channel in range(block.shape[1])]

    def values(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns the singular values of all maps together: those of their summed energy."""
        maps = [singular_values(matrix) for matrix in self.matrices(block)]
        return [np.sqrt(np.sum(np.square(maps), axis=0))]

    def noise_ranks(self, block: np.ndarray) -> List[int]:
        """Returns the largest rank of an input map."""
        return [max(super().noise_ranks(block))]
