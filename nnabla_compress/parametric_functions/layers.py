# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's four layers with any quantizer on their weights: what every method's layers are."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.initializer import ConstantInitializer, UniformInitializer, calc_uniform_lim_glorot
from nnabla.parameter import get_parameter_or_create
from nnabla.parametric_functions import parametric_function_api

Hook = Optional[Callable[[nn.Variable], nn.Variable]]
Sizes = Optional[Sequence[int]]

_BIAS = ("b", "Bias vector", "(outmaps,)", True)
_SCOPES = {
    "quantized_affine": ("affine", [("W", "Weight matrix", "(inmaps, outmaps)", True), _BIAS]),
    "quantized_convolution": (
        "conv",
        [("W", "Filter weights", "(outmaps, inmaps // group, *kernel)", True), _BIAS],
    ),
    "quantized_depthwise_convolution": (
        "depthwise_conv",
        [("W", "Filter weights", "(inmaps * multiplier, *kernel)", True), _BIAS],
    ),
    "quantized_deconvolution": (
        "deconv",
        [("W", "Filter weights", "(inmaps, outmaps // group, *kernel)", True), _BIAS],
    ),
}


def layer_api(function: Callable[..., Any], like: str = "", more: Sequence[Any] = ()) -> Any:
    """Makes a parametric function of NNabla's of a layer: with a ``name`` and a scope.

    Args:
        function: The layer.
        like: Name of the layer here whose parameters it has; by default its own.
        more: What its quantizer adds to these: name, description, shape, whether it is trained.
    """
    scope, parameters = _SCOPES[like or function.__name__]
    return parametric_function_api(scope, [*parameters, *more])(function)


@layer_api
def quantized_affine(
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
    quantizer: Hook = None,
    quantizer_b: Hook = None,
) -> nn.Variable:
    """Affine layer whose weight and bias go through quantizers.

    ``y = x Q(W) + Q_b(b)``, parameters and their names being those of ``PF.affine``.

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
        apply_b: Applied to the bias after its quantizer.
        quantizer: For W, one of :mod:`nnabla_compress.quantizers`; None for none.
        quantizer_b: For b, likewise.

    Returns:
        Output of shape (M_0, ..., M_B-1, n_outmaps).

    Example:
        >>> import nnabla as nn, nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> quantized_affine(nn.Variable((4, 8)), 3, quantizer=Q.Affine(bits=4), name="fc").shape
        (4, 3)
    """
    return PF.affine.__parametric_function_api_base__(
        inp,
        n_outmaps,
        base_axis,
        w_init,
        b_init,
        fix_parameters,
        rng,
        with_bias,
        _then(quantizer, apply_w),
        _then(quantizer_b, apply_b),
    )


@layer_api
def quantized_convolution(
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
    quantizer: Hook = None,
    quantizer_b: Hook = None,
) -> nn.Variable:
    """N-D convolution whose weight and bias go through quantizers.

    The convolution of ``PF.convolution`` with ``Q(W)`` and ``Q_b(b)``; parameters and their names
    are the same.

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
        apply_b: Applied to the bias after its quantizer.
        quantizer: For W, one of :mod:`nnabla_compress.quantizers`; None for none.
        quantizer_b: For b, likewise.

    Returns:
        The convolution's output.

    Example:
        >>> import nnabla as nn, nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> x = nn.Variable((4, 3, 8, 8))
        >>> quantized_convolution(x, 16, (3, 3), pad=(1, 1), quantizer=Q.LUT(bits=3)).shape
        (4, 16, 8, 8)
    """
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
        _then(quantizer, apply_w),
        _then(quantizer_b, apply_b),
    )


@layer_api
def quantized_depthwise_convolution(
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
    quantizer: Hook = None,
    quantizer_b: Hook = None,
) -> nn.Variable:
    """N-D depthwise convolution whose weight and bias go through quantizers.

    The convolution of ``PF.depthwise_convolution`` with ``Q(W)`` and ``Q_b(b)``; parameters and
    their names are the same.

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
        quantizer: For W, one of :mod:`nnabla_compress.quantizers`; None for none.
        quantizer_b: For b, likewise.

    Returns:
        The convolution's output, (batch, inmaps * multiplier, ...).

    Example:
        >>> import nnabla as nn, nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4, 8, 8))
        >>> quantized_depthwise_convolution(x, (3, 3), multiplier=2, quantizer=Q.Pow2()).shape
        (1, 8, 6, 6)
    """
    # PF.depthwise_convolution has no apply_w: its parameters are made here.
    inmaps = inp.shape[base_axis]
    outmaps = inmaps * multiplier
    if w_init is None:
        limits = calc_uniform_lim_glorot(outmaps, inmaps, tuple(kernel))
        w_init = UniformInitializer(limits, rng=rng)
    trained = not fix_parameters
    weight = get_parameter_or_create("W", (outmaps, *kernel), w_init, True, trained)
    weight = weight if quantizer is None else quantizer(weight)
    bias = None
    if with_bias:
        b_init = ConstantInitializer() if b_init is None else b_init
        bias = get_parameter_or_create("b", (outmaps,), b_init, True, trained)
        bias = bias if quantizer_b is None else quantizer_b(bias)
    return F.depthwise_convolution(inp, weight, bias, base_axis, pad, stride, dilation, multiplier)


@layer_api
def quantized_deconvolution(
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
    quantizer: Hook = None,
    quantizer_b: Hook = None,
) -> nn.Variable:
    """Deconvolution whose weight and bias go through quantizers.

    The deconvolution of ``PF.deconvolution`` with ``Q(W)`` and ``Q_b(b)``; parameters and their
    names are the same.

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
        apply_b: Applied to the bias after its quantizer.
        quantizer: For W, one of :mod:`nnabla_compress.quantizers`; None for none.
        quantizer_b: For b, likewise.

    Returns:
        The deconvolution's output.

    Example:
        >>> import nnabla as nn, nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4, 8, 8))
        >>> quantized_deconvolution(x, 2, (2, 2), stride=(2, 2), quantizer=Q.Uniform(4)).shape
        (1, 2, 16, 16)
    """
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
        _then(quantizer, apply_w),
        _then(quantizer_b, apply_b),
    )


def _then(quantizer: Hook, hook: Hook) -> Hook:
    """Quantizes a parameter and then does what the user asked for."""
    if quantizer is None or hook is None:
        return quantizer or hook
    return lambda parameter: hook(quantizer(parameter))
