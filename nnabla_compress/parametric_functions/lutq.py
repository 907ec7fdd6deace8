# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q layers: NNabla's layers with weights tied to a look-up table."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.parametric_functions import layers
from nnabla_compress.parametric_functions.method_layers import Quantizers, method_layer
from nnabla_compress.quantizers.lut import LUT

_TABLES = [
    ("lut/dictionary", "Values of the look-up table", "(K,)", False),
    ("lut/assignments", "Index of each weight into the dictionary", "shape of W", False),
]


def _quantizers(
    bits: Optional[int] = None,
    dictionary: str = "free",
    prune: float = 0.0,
    zero: bool = False,
    scaled: bool = True,
    grid_bits: Optional[int] = None,
) -> Quantizers:
    """Makes the quantizer of a layer.

    The layer of NNabla's with ``Q = dictionary[assignments]`` for its weight. Train it with
    :class:`nnabla_compress.solvers.LUTQ`.

    Args:
        bits: Bits of an assignment, 1 to 8; see :class:`nnabla_compress.quantizers.LUT`.
        dictionary: ``"free"``, ``"pow2"``, ``"binary"`` or ``"ternary"``.
        prune: Fraction of the weights set to zero, 0 to 1.
        zero: Keep one entry at zero.
        scaled: For binary and ternary, train the magnitude; otherwise it is 1.
        grid_bits: Keep the dictionary on integers of this many bits times a scale.

    Raises:
        ConfigError: If a LUT option is out of its range.

    References:
        F. Cardinaux et al., arXiv:1911.04951.
    """
    return Quantizers(LUT(bits, dictionary, prune, zero, scaled, grid_bits))


lutq_affine = method_layer(
    "lutq_affine",
    layers.quantized_affine,
    _quantizers,
    "Affine layer whose weights are tied to a look-up table (LUT-Q).",
    """
    >>> lutq_affine(nn.Variable((4, 8)), 3, bits=2, name="fc").shape
    (4, 3)
    >>> sorted(nn.get_parameters(grad_only=False))
    ['fc/affine/W', 'fc/affine/b', 'fc/affine/lut/assignments', 'fc/affine/lut/dictionary']
    """,
    _TABLES,
)

lutq_convolution = method_layer(
    "lutq_convolution",
    layers.quantized_convolution,
    _quantizers,
    "N-D convolution whose weights are tied to a look-up table (LUT-Q).",
    """
    >>> x = nn.Variable((4, 3, 8, 8))
    >>> lutq_convolution(x, 16, (3, 3), pad=(1, 1), bits=4, dictionary="pow2", name="c1").shape
    (4, 16, 8, 8)
    """,
    _TABLES,
)

lutq_depthwise_convolution = method_layer(
    "lutq_depthwise_convolution",
    layers.quantized_depthwise_convolution,
    _quantizers,
    "N-D depthwise convolution whose weights are tied to a look-up table (LUT-Q).",
    """
    >>> lutq_depthwise_convolution(nn.Variable((1, 4, 8, 8)), (3, 3), multiplier=2).shape
    (1, 8, 6, 6)
    """,
    _TABLES,
)

lutq_deconvolution = method_layer(
    "lutq_deconvolution",
    layers.quantized_deconvolution,
    _quantizers,
    "Deconvolution whose weights are tied to a look-up table (LUT-Q).",
    """
    >>> lutq_deconvolution(nn.Variable((1, 4, 8, 8)), 2, (2, 2), stride=(2, 2), bits=3).shape
    (1, 2, 16, 16)
    """,
    _TABLES,
)
