# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q layers: NNabla's layers with weights tied to a look-up table."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.parametric_functions import parametric_function_api

from nnabla_compress.parametric_functions.layers import (
    Hook,
    Sizes,
    composed,
    depthwise_parameters,
)
from nnabla_compress.quantizers.lut import LUT

_LUT_PARAMETERS = [
    ("lut/dictionary", "Values of the look-up table", "(K,)", False),
    ("lut/assignments", "Index of each weight into the dictionary", "shape of W", False),
]


@parametric_function_api(
    "affine",
    [
        ("W", "Weight matrix", "(inmaps, outmaps)", True),
        ("b", "Bias vector", "(outputs,)", True),
        *_LUT_PARAMETERS,
    ],
)
def lutq_affine(
    inp: nn.Variable,
    n_outmaps: Union[int, Sequence[int]],
    base_axis: int = 1,
    w_init: Any = None,
    b_init: Any = None,
    fix_parameters: bool = False,
    rng: Optional[np.random.RandomState] = None,
    with_bias: bool = True,
    apply_w: Hook = None,
    apply_b: Hook = None,
    bits: Optional[int] = None,
    dictionary: str = "free",
    prune: float = 0.0,
    zero: bool = False,
    scaled: bool = True,
    grid_bits: Optional[int] = None,
) -> nn.Variable:
    """Affine layer whose weights are tied to a look-up table (LUT-Q).

    ``y = x Q + b`` with ``Q = dictionary[assignments]``. Train it with
    :class:`nnabla_compress.solvers.LUTQ`.

    Args:
        inp: Input of shape (M_0, ..., M_B-1, D_B, ..., D_N).
        n_outmaps: Number of outputs for each sample.
        base_axis: Dimensions before it are the sample dimensions.
        w_init: Initializer of W, as in ``PF.affine``.
        b_init: Initializer of b, as in ``PF.affine``.
        fix_parameters: Do not train W and b.
        rng: Random generator of the initializers.
        with_bias: Add the bias.
        apply_w: Applied to the weights after the look-up.
        apply_b: Applied to the bias.
        bits: Bits of an assignment, 1 to 8; see :class:`nnabla_compress.quantizers.LUT`.
        dictionary: ``"free"``, ``"pow2"``, ``"binary"`` or ``"ternary"``.
        prune: Fraction of the weights set to zero, 0 to 1.
        zero: Keep one entry at zero.
        scaled: For binary and ternary, train the magnitude; otherwise it is 1.
        grid_bits: Keep the dictionary on integers of this many bits times a scale.

    Returns:
        Output of shape (M_0, ..., M_B-1, n_outmaps).

    Raises:
        ConfigError: If a LUT option is out of its range.

    References:
        F. Cardinaux et al., arXiv:1911.04951.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> lutq_affine(nn.Variable((4, 8)), 3, bits=2, name="fc").shape
        (4, 3)
        >>> sorted(nn.get_parameters(grad_only=False))
        ['fc/affine/W', 'fc/affine/b', 'fc/affine/lut/assignments', 'fc/affine/lut/dictionary']
    """
    lut = LUT(bits, dictionary, prune, zero, scaled, grid_bits)
    return PF.affine.__parametric_function_api_base__(
        inp,
        n_outmaps,
        base_axis,
        w_init,
        b_init,
        fix_parameters,
        rng,
        with_bias,
        composed(lut, apply_w),
        apply_b,
    )


@parametric_function_api(
    "conv",
    [
        ("W", "Filter weights", "(outmaps, inmaps // group, *kernel)", True),
        ("b", "Bias vector", "(outmaps,)", True),
        *_LUT_PARAMETERS,
    ],
)
def lutq_convolution(
    inp: nn.Variable,
    outmaps: int,
    kernel: Sequence[int],
    pad: Sizes = None,
    stride: Sizes = None,
    dilation: Sizes = None,
    group: int = 1,
    channel_last: bool = False,
    w_init: Any = None,
    b_init: Any = None,
    base_axis: int = 1,
    fix_parameters: bool = False,
    rng: Optional[np.random.RandomState] = None,
    with_bias: bool = True,
    apply_w: Hook = None,
    apply_b: Hook = None,
    bits: Optional[int] = None,
    dictionary: str = "free",
    prune: float = 0.0,
    zero: bool = False,
    scaled: bool = True,
    grid_bits: Optional[int] = None,
) -> nn.Variable:
    """N-D convolution whose weights are tied to a look-up table (LUT-Q).

    The convolution of ``PF.convolution`` with ``Q = dictionary[assignments]`` for its weight. Train
    it with :class:`nnabla_compress.solvers.LUTQ`.

    Args:
        inp: Input of shape (batch, inmaps, ...), channels last if ``channel_last``.
        outmaps: Number of output maps.
        kernel: Kernel size of each spatial dimension, in elements.
        pad: Zero padding of each spatial dimension, in elements.
        stride: Stride of each spatial dimension, in elements.
        dilation: Dilation of each spatial dimension, in elements.
        group: Number of groups of channels.
        channel_last: The last dimension is the channels.
        w_init: Initializer of W, as in ``PF.convolution``.
        b_init: Initializer of b, as in ``PF.convolution``.
        base_axis: Dimensions before it are the sample dimensions.
        fix_parameters: Do not train W and b.
        rng: Random generator of the initializers.
        with_bias: Add the bias.
        apply_w: Applied to the weights after the look-up.
        apply_b: Applied to the bias.
        bits: Bits of an assignment, 1 to 8; see :class:`nnabla_compress.quantizers.LUT`.
        dictionary: ``"free"``, ``"pow2"``, ``"binary"`` or ``"ternary"``.
        prune: Fraction of the weights set to zero, 0 to 1.
        zero: Keep one entry at zero.
        scaled: For binary and ternary, train the magnitude; otherwise it is 1.
        grid_bits: Keep the dictionary on integers of this many bits times a scale.

    Returns:
        The convolution's output.

    Raises:
        ConfigError: If a LUT option is out of its range.

    References:
        F. Cardinaux et al., arXiv:1911.04951.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> x = nn.Variable((4, 3, 8, 8))
        >>> lutq_convolution(x, 16, (3, 3), pad=(1, 1), bits=4, dictionary="pow2", name="c1").shape
        (4, 16, 8, 8)
    """
    lut = LUT(bits, dictionary, prune, zero, scaled, grid_bits)
    return PF.convolution.__parametric_function_api_base__(
        inp,
        outmaps,
        kernel,
        pad,
        stride,
        dilation,
        group,
        channel_last,
        w_init,
        b_init,
        base_axis,
        fix_parameters,
        rng,
        with_bias,
        composed(lut, apply_w),
        apply_b,
    )


@parametric_function_api(
    "depthwise_conv",
    [
        ("W", "Filter weights", "(inmaps * multiplier, *kernel)", True),
        ("b", "Bias vector", "(inmaps * multiplier,)", True),
        *_LUT_PARAMETERS,
    ],
)
def lutq_depthwise_convolution(
    inp: nn.Variable,
    kernel: Sequence[int],
    pad: Sizes = None,
    stride: Sizes = None,
    dilation: Sizes = None,
    multiplier: int = 1,
    w_init: Any = None,
    b_init: Any = None,
    base_axis: int = 1,
    fix_parameters: bool = False,
    rng: Optional[np.random.RandomState] = None,
    with_bias: bool = True,
    bits: Optional[int] = None,
    dictionary: str = "free",
    prune: float = 0.0,
    zero: bool = False,
    scaled: bool = True,
    grid_bits: Optional[int] = None,
) -> nn.Variable:
    """N-D depthwise convolution whose weights are tied to a look-up table (LUT-Q).

    Args:
        inp: Input of shape (batch, inmaps, ...).
        kernel: Kernel size of each spatial dimension, in elements.
        pad: Zero padding of each spatial dimension, in elements.
        stride: Stride of each spatial dimension, in elements.
        dilation: Dilation of each spatial dimension, in elements.
        multiplier: Output maps for each input map.
        w_init: Initializer of W, as in ``PF.depthwise_convolution``.
        b_init: Initializer of b, as in ``PF.depthwise_convolution``.
        base_axis: Dimensions before it are the sample dimensions.
        fix_parameters: Do not train W and b.
        rng: Random generator of the initializers.
        with_bias: Add the bias.
        bits: Bits of an assignment, 1 to 8; see :class:`nnabla_compress.quantizers.LUT`.
        dictionary: ``"free"``, ``"pow2"``, ``"binary"`` or ``"ternary"``.
        prune: Fraction of the weights set to zero, 0 to 1.
        zero: Keep one entry at zero.
        scaled: For binary and ternary, train the magnitude; otherwise it is 1.
        grid_bits: Keep the dictionary on integers of this many bits times a scale.

    Returns:
        The convolution's output, (batch, inmaps * multiplier, ...).

    Raises:
        ConfigError: If a LUT option is out of its range.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> lutq_depthwise_convolution(nn.Variable((1, 4, 8, 8)), (3, 3), multiplier=2).shape
        (1, 8, 6, 6)
    """
    lut = LUT(bits, dictionary, prune, zero, scaled, grid_bits)
    weight, bias = depthwise_parameters(
        inp, kernel, multiplier, w_init, b_init, base_axis, fix_parameters, rng, with_bias
    )
    return F.depthwise_convolution(
        inp, lut(weight), bias, base_axis, pad, stride, dilation, multiplier
    )


@parametric_function_api(
    "deconv",
    [
        ("W", "Filter weights", "(inmaps, outmaps // group, *kernel)", True),
        ("b", "Bias vector", "(outmaps,)", True),
        *_LUT_PARAMETERS,
    ],
)
def lutq_deconvolution(
    inp: nn.Variable,
    outmaps: int,
    kernel: Sequence[int],
    pad: Sizes = None,
    stride: Sizes = None,
    dilation: Sizes = None,
    group: int = 1,
    channel_last: bool = False,
    output_padding: Sizes = None,
    w_init: Any = None,
    b_init: Any = None,
    base_axis: int = 1,
    fix_parameters: bool = False,
    rng: Optional[np.random.RandomState] = None,
    with_bias: bool = True,
    apply_w: Hook = None,
    apply_b: Hook = None,
    bits: Optional[int] = None,
    dictionary: str = "free",
    prune: float = 0.0,
    zero: bool = False,
    scaled: bool = True,
    grid_bits: Optional[int] = None,
) -> nn.Variable:
    """Deconvolution whose weights are tied to a look-up table (LUT-Q).

    Args:
        inp: Input of shape (batch, inmaps, ...), channels last if ``channel_last``.
        outmaps: Number of output maps.
        kernel: Kernel size of each spatial dimension, in elements.
        pad: Padding of each spatial dimension, in elements.
        stride: Stride of each spatial dimension, in elements.
        dilation: Dilation of each spatial dimension, in elements.
        group: Number of groups of channels.
        channel_last: The last dimension is the channels.
        output_padding: Elements added to each spatial dimension of the output.
        w_init: Initializer of W, as in ``PF.deconvolution``.
        b_init: Initializer of b, as in ``PF.deconvolution``.
        base_axis: Dimensions before it are the sample dimensions.
        fix_parameters: Do not train W and b.
        rng: Random generator of the initializers.
        with_bias: Add the bias.
        apply_w: Applied to the weights after the look-up.
        apply_b: Applied to the bias.
        bits: Bits of an assignment, 1 to 8; see :class:`nnabla_compress.quantizers.LUT`.
        dictionary: ``"free"``, ``"pow2"``, ``"binary"`` or ``"ternary"``.
        prune: Fraction of the weights set to zero, 0 to 1.
        zero: Keep one entry at zero.
        scaled: For binary and ternary, train the magnitude; otherwise it is 1.
        grid_bits: Keep the dictionary on integers of this many bits times a scale.

    Returns:
        The deconvolution's output.

    Raises:
        ConfigError: If a LUT option is out of its range.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> lutq_deconvolution(nn.Variable((1, 4, 8, 8)), 2, (2, 2), stride=(2, 2), bits=3).shape
        (1, 2, 16, 16)
    """
    lut = LUT(bits, dictionary, prune, zero, scaled, grid_bits)
    return PF.deconvolution.__parametric_function_api_base__(
        inp,
        outmaps,
        kernel,
        pad,
        stride,
        dilation,
        group,
        channel_last,
        output_padding,
        w_init,
        b_init,
        base_axis,
        fix_parameters,
        rng,
        with_bias,
        composed(lut, apply_w),
        apply_b,
    )
