# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""An affine layer or a 1x1 convolution as two."""

from __future__ import annotations

from typing import List, Optional

from nnabla_compress.transforms.factors.channel import Channel
from nnabla_compress.transforms.factors.form import Ranks, register_form
from nnabla_compress.transforms.factors.kernel import Kernel, Piece


@register_form("svd")
class Svd(Channel):
    """The nearest product of two matrices; the first layer takes a convolution's stride."""

    def refusal(self, kernel: Kernel) -> Optional[str]:
        """Returns why a layer has no such form."""
        return None if kernel.points else "svd is for affine layers and 1x1 convolutions"

    def pieces(self, kernel: Kernel, ranks: Ranks) -> List[Piece]:
        """Returns the layer to few values and the one to all."""
        if not kernel.affine:
            return super().pieces(kernel, ranks)
        return [
            Piece("first", "Affine", (kernel.inputs, *ranks)),
            Piece("last", "Affine", (*ranks, *kernel.output_shape)),
        ]
