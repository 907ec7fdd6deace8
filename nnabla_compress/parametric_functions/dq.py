# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""DQ layers: NNabla's layers with weights and biases whose step, range and bits are learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Optional, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.parametric_functions import parametric_function_api

from nnabla_compress.errors import ConfigError
from nnabla_compress.parametric_functions.layers import (
    Hook,
    Sizes,
    composed,
    depthwise_parameters,
)
from nnabla_compress.quantizers.learned import LearnedQuantizer
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.uniform import Uniform
from nnabla_compress.spelling import did_you_mean

_METHODS = {"uniform": Uniform, "pow2": Pow2}
_STEPS = [("uniform/...", "Step, range or bits of W, as the quantizer learns", "(1,)", True)]


def _learned(
    method: str, quantizer: Optional[LearnedQuantizer], **options: Any
) -> LearnedQuantizer:
    """The quantizer that was given, or a new one of the method."""
    if quantizer is not None:
        if not isinstance(quantizer, LearnedQuantizer):
            raise ConfigError(
                f"a dq layer got the quantizer {quantizer!r}.", help="give a Uniform or a Pow2"
            )
        return quantizer
    if method not in _METHODS:
        raise ConfigError(f"a dq layer got method={method!r}.", help=did_you_mean(method, _METHODS))
    return _METHODS[method](**options)


def _hooks(
    bits: int,
    method: str,
    quantizer: Optional[LearnedQuantizer],
    quantizer_b: Optional[LearnedQuantizer],
    quantize_b: bool,
    apply_w: Hook,
    apply_b: Hook,
) -> Tuple[Callable[[nn.Variable], nn.Variable], Hook]:
    """What is applied to the weight and to the bias: the quantizers, then what the user wants."""
    weight = _learned(method, quantizer, bits=bits)
    if not quantize_b:
        return composed(weight, apply_w), apply_b
    if quantizer_b is None:
        # A bias has one value a channel: it needs a step of its own, never one a channel.
        quantizer_b = replace(weight, axis=None) if isinstance(weight, Uniform) else weight
    return composed(weight, apply_w), composed(_learned(method, quantizer_b), apply_b)


@parametric_function_api(
    "affine",
    [
        ("W", "Weight matrix", "(inmaps, outmaps)", True),
        ("b", "Bias vector", "(outputs,)", True),
        *_STEPS,
    ],
)
def dq_affine(
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
    bits: int = 4,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    quantizer_b: Optional[LearnedQuantizer] = None,
    quantize_b: bool = True,
) -> nn.Variable:
    """Affine layer whose weights and bias learn their step, range and bits (DQ).

    ``y = x Q(W) + Q(b)``; any NNabla solver trains it.

    Args:
        inp: Input of shape (M_0, ..., M_B-1, D_B, ..., D_N).
        n_outmaps: Number of outputs for each sample.
        base_axis: Dimensions before it are the sample dimensions.
        w_init: Initializer of W, as in ``PF.affine``.
        b_init: Initializer of b, as in ``PF.affine``.
        fix_parameters: Do not train W and b.
        rng: Random generator of the initializers.
        with_bias: Add the bias.
        apply_w: Applied to the weights after the quantizer.
        apply_b: Applied to the bias after the quantizer.
        bits: Bits to start from, of weights and bias.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` for W, in place of ``bits`` and ``method``.
        quantizer_b: Likewise for b; by default as W, one step for the whole bias.
        quantize_b: Quantize the bias, too.

    Returns:
        Output of shape (M_0, ..., M_B-1, n_outmaps).

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    References:
        S. Uhlich et al., Mixed precision DNNs, arXiv:1905.11452.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> dq_affine(nn.Variable((4, 8)), 3, bits=2, name="fc").shape
        (4, 3)
        >>> sorted(name.split("/")[-1] for name in nn.get_parameters() if "uniform_b" in name)
        ['d', 'q_max']
    """
    apply_w, apply_b = _hooks(bits, method, quantizer, quantizer_b, quantize_b, apply_w, apply_b)
    return PF.affine.__parametric_function_api_base__(
        inp,
        n_outmaps,
        base_axis,
        w_init,
        b_init,
        fix_parameters,
        rng,
        with_bias,
        apply_w,
        apply_b,
    )


@parametric_function_api(
    "conv",
    [
        ("W", "Filter weights", "(outmaps, inmaps // group, *kernel)", True),
        ("b", "Bias vector", "(outmaps,)", True),
        *_STEPS,
    ],
)
def dq_convolution(
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
    bits: int = 4,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    quantizer_b: Optional[LearnedQuantizer] = None,
    quantize_b: bool = True,
) -> nn.Variable:
    """N-D convolution whose weights and bias learn their step, range and bits (DQ).

    The convolution of ``PF.convolution`` with Q(W) and Q(b); any NNabla solver trains it.

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
        apply_w: Applied to the weights after the quantizer.
        apply_b: Applied to the bias after the quantizer.
        bits: Bits to start from, of weights and bias.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` for W, in place of ``bits`` and ``method``.
        quantizer_b: Likewise for b; by default as W, one step for the whole bias.
        quantize_b: Quantize the bias, too.

    Returns:
        The convolution's output.

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    References:
        S. Uhlich et al., Mixed precision DNNs, arXiv:1905.11452.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> x = nn.Variable((4, 3, 8, 8))
        >>> dq_convolution(x, 16, (3, 3), pad=(1, 1), bits=4, method="pow2", name="c1").shape
        (4, 16, 8, 8)
    """
    apply_w, apply_b = _hooks(bits, method, quantizer, quantizer_b, quantize_b, apply_w, apply_b)
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
        apply_w,
        apply_b,
    )


@parametric_function_api(
    "depthwise_conv",
    [
        ("W", "Filter weights", "(inmaps * multiplier, *kernel)", True),
        ("b", "Bias vector", "(inmaps * multiplier,)", True),
        *_STEPS,
    ],
)
def dq_depthwise_convolution(
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
    bits: int = 4,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    quantizer_b: Optional[LearnedQuantizer] = None,
    quantize_b: bool = True,
) -> nn.Variable:
    """N-D depthwise convolution whose weights and bias learn their step, range and bits (DQ).

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
        bits: Bits to start from, of weights and bias.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` for W, in place of ``bits`` and ``method``.
        quantizer_b: Likewise for b; by default as W, one step for the whole bias.
        quantize_b: Quantize the bias, too.

    Returns:
        The convolution's output, (batch, inmaps * multiplier, ...).

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> dq_depthwise_convolution(nn.Variable((1, 4, 8, 8)), (3, 3), multiplier=2).shape
        (1, 8, 6, 6)
    """
    on_weight, on_bias = _hooks(bits, method, quantizer, quantizer_b, quantize_b, None, None)
    weight, bias = depthwise_parameters(
        inp, kernel, multiplier, w_init, b_init, base_axis, fix_parameters, rng, with_bias
    )
    if bias is not None and on_bias is not None:
        bias = on_bias(bias)
    return F.depthwise_convolution(
        inp, on_weight(weight), bias, base_axis, pad, stride, dilation, multiplier
    )


@parametric_function_api(
    "deconv",
    [
        ("W", "Filter weights", "(inmaps, outmaps // group, *kernel)", True),
        ("b", "Bias vector", "(outmaps,)", True),
        *_STEPS,
    ],
)
def dq_deconvolution(
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
    bits: int = 4,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    quantizer_b: Optional[LearnedQuantizer] = None,
    quantize_b: bool = True,
) -> nn.Variable:
    """Deconvolution whose weights and bias learn their step, range and bits (DQ).

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
        apply_w: Applied to the weights after the quantizer.
        apply_b: Applied to the bias after the quantizer.
        bits: Bits to start from, of weights and bias.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` for W, in place of ``bits`` and ``method``.
        quantizer_b: Likewise for b; by default as W, one step for the whole bias.
        quantize_b: Quantize the bias, too.

    Returns:
        The deconvolution's output.

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> dq_deconvolution(nn.Variable((1, 4, 8, 8)), 2, (2, 2), stride=(2, 2), bits=3).shape
        (1, 2, 16, 16)
    """
    apply_w, apply_b = _hooks(bits, method, quantizer, quantizer_b, quantize_b, apply_w, apply_b)
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
        apply_w,
        apply_b,
    )


@parametric_function_api(
    "dq",
    [
        ("uniform/...", "Step, range or bits, as the quantizer learns", "(1,)", True),
    ],
)
def dq_quantize(
    inp: nn.Variable,
    bits: int = 4,
    signed: bool = True,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    fix_parameters: bool = False,
) -> nn.Variable:
    """Quantizes an activation with learned step, range and bits (DQ).

    The parameters start from the first batch.

    Args:
        inp: The activation, any shape.
        bits: Bits to start from.
        signed: Whether there are negative values; False after a ReLU.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` in place of the options before.
        fix_parameters: Learn nothing; the step of the first batch stays.

    Returns:
        The quantized activation, of the same shape.

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    References:
        S. Uhlich et al., Mixed precision DNNs, arXiv:1905.11452.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> nn.clear_parameters()
        >>> dq_quantize(F.relu(nn.Variable((4, 8))), bits=4, signed=False, name="a1").shape
        (4, 8)
        >>> sorted(nn.get_parameters())
        ['a1/dq/uniform/d', 'a1/dq/uniform/q_max']
    """
    chosen = _learned(method, quantizer, bits=bits, signed=signed)
    if fix_parameters:
        chosen = replace(chosen, learn=None)  # type: ignore[type-var]
    return chosen(inp)
