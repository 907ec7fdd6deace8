# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions whose parameters come as arguments, one file each; import as ``CF``."""

from __future__ import annotations

from nnabla_compress.functions.folded_batch_normalization import folded_batch_normalization
from nnabla_compress.functions.pow2_batch_normalization import pow2_batch_normalization
from nnabla_compress.functions.quantized_gradient import quantized_gradient
from nnabla_compress.functions.quantized_when import quantized_when

__all__ = [
    "folded_batch_normalization",
    "pow2_batch_normalization",
    "quantized_gradient",
    "quantized_when",
]
