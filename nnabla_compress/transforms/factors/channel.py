# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution to few channels, and a 1x1 convolution to all of them."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions import channel, channel_weight
from nnabla_compress.transforms.factors.form import Form, Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("channel")
class Channel(Form):
    """K x K to r channels, with the layer's stride, padding and dilation; then 1 x 1."""

    from_responses = True

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        return "a layer of single points takes svd" if kernel.points else None

    def largest(self, kernel: Kernel) -> Ranks:
        """Returns the largest rank."""
        return (min(kernel.outputs, kernel.inputs * int(np.prod(kernel.kernel))),)

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the convolution to few channels and the one to all."""
        (rank,), groups = ranks, kernel.groups
        moved = {"pad": kernel.pad, "stride": kernel.stride, "dilation": kernel.dilation}
        ones = (1,) * len(kernel.kernel)
        shapes = [
            (groups * rank, kernel.inputs, *kernel.kernel),
            (groups * kernel.outputs, rank, *ones),
        ]
        return [
            Piece("first", "Convolution", shapes[0], moved, groups),
            Piece("last", "Convolution", shapes[1], {}, groups),
        ]

    def factorize(
        self, block: np.ndarray, ranks: Ranks, responses: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """Returns the two weights."""
        first, last = channel(block, ranks[0], responses)
        return [first, last]

    def multiply(self, factors: Sequence[np.ndarray], block: Tuple[int, ...]) -> np.ndarray:
        """Returns their product."""
        first, last = factors
        return channel_weight(first, last.reshape(len(last), -1)).reshape(block)

    def matrices(self, block: np.ndarray) -> List[np.ndarray]:
        """Returns outputs against all else."""
        return [block.reshape(len(block), -1)]
