# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's parametric functions with compression in them; import as ``CPF``.

A compressed layer takes the arguments of its twin in ``nnabla.parametric_functions`` and a few
more, and keeps its parameters under the same names (``<name>/conv/W``, ``<name>/conv/b``), so that
weights move between float and compressed networks by name. ``quantized_*`` take any quantizer; the
layers of a method take its options.
"""

from __future__ import annotations

from nnabla_compress.parametric_functions.batch_normalization import pow2_batch_normalization
from nnabla_compress.parametric_functions.dq import (
    dq_affine,
    dq_convolution,
    dq_deconvolution,
    dq_depthwise_convolution,
    dq_quantize,
)
from nnabla_compress.parametric_functions.layers import (
    quantized_affine,
    quantized_convolution,
    quantized_deconvolution,
    quantized_depthwise_convolution,
)
from nnabla_compress.parametric_functions.lutq import (
    lutq_affine,
    lutq_convolution,
    lutq_deconvolution,
    lutq_depthwise_convolution,
)

__all__ = [
    "dq_affine",
    "dq_convolution",
    "dq_deconvolution",
    "dq_depthwise_convolution",
    "dq_quantize",
    "lutq_affine",
    "lutq_convolution",
    "lutq_deconvolution",
    "lutq_depthwise_convolution",
    "pow2_batch_normalization",
    "quantized_affine",
    "quantized_convolution",
    "quantized_deconvolution",
    "quantized_depthwise_convolution",
]
