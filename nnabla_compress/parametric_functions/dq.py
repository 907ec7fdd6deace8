# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""DQ layers: NNabla's layers with weights and biases whose step, range and bits are learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import nnabla as nn
from nnabla.parametric_functions import parametric_function_api

from nnabla_compress.errors import ConfigError
from nnabla_compress.parametric_functions import layers
from nnabla_compress.parametric_functions.method_layers import Quantizers, method_layer
from nnabla_compress.quantizers.learned import LearnedQuantizer
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.uniform import Uniform
from nnabla_compress.spelling import did_you_mean

_METHODS = {"uniform": Uniform, "pow2": Pow2}
_STEPS = [("uniform/...", "Step, range or bits of W, as the quantizer learns", "(1,)", True)]


def _quantizers(
    bits: int = 4,
    method: str = "uniform",
    quantizer: Optional[LearnedQuantizer] = None,
    quantizer_b: Optional[LearnedQuantizer] = None,
    quantize_b: bool = True,
) -> Quantizers:
    """Makes the quantizers of a layer.

    The layer of NNabla's with ``Q(W)`` and ``Q(b)``; any NNabla solver trains it.

    Args:
        bits: Bits to start from, of weights and bias.
        method: ``"uniform"`` or ``"pow2"``.
        quantizer: A :class:`~nnabla_compress.quantizers.Uniform` or
            :class:`~nnabla_compress.quantizers.Pow2` for W, in place of ``bits`` and ``method``.
        quantizer_b: Likewise for b; by default as W, one step for the whole bias.
        quantize_b: Quantize the bias, too.

    Raises:
        ConfigError: If a method or quantizer is none of the two, or bits are out of range.

    References:
        S. Uhlich et al., Mixed precision DNNs, arXiv:1905.11452.
    """
    weight = _learned(method, quantizer, bits=bits)
    if not quantize_b:
        return Quantizers(weight)
    return Quantizers(weight, weight.for_bias() if quantizer_b is None else _given(quantizer_b))


def _learned(
    method: str, quantizer: Optional[LearnedQuantizer], **options: Any
) -> LearnedQuantizer:
    """The quantizer that was given, or a new one of the method."""
    if quantizer is not None:
        return _given(quantizer)
    if method not in _METHODS:
        raise ConfigError(f"a dq layer got method={method!r}.", help=did_you_mean(method, _METHODS))
    return _METHODS[method](**options)


def _given(quantizer: LearnedQuantizer) -> LearnedQuantizer:
    if not isinstance(quantizer, LearnedQuantizer):
        raise ConfigError(
            f"a dq layer got the quantizer {quantizer!r}.", help="give a Uniform or a Pow2"
        )
    return quantizer


dq_affine = method_layer(
    "dq_affine",
    layers.quantized_affine,
    _quantizers,
    "Affine layer whose weights and bias learn their step, range and bits (DQ).",
    """
    >>> dq_affine(nn.Variable((4, 8)), 3, bits=2, name="fc").shape
    (4, 3)
    >>> sorted(name.split("/")[-1] for name in nn.get_parameters() if "uniform_b" in name)
    ['d', 'q_max']
    """,
    _STEPS,
)

dq_convolution = method_layer(
    "dq_convolution",
    layers.quantized_convolution,
    _quantizers,
    "N-D convolution whose weights and bias learn their step, range and bits (DQ).",
    """
    >>> x = nn.Variable((4, 3, 8, 8))
    >>> dq_convolution(x, 16, (3, 3), pad=(1, 1), bits=4, method="pow2", name="c1").shape
    (4, 16, 8, 8)
    """,
    _STEPS,
)

dq_depthwise_convolution = method_layer(
    "dq_depthwise_convolution",
    layers.quantized_depthwise_convolution,
    _quantizers,
    "N-D depthwise convolution whose weights and bias learn their step, range and bits (DQ).",
    """
    >>> dq_depthwise_convolution(nn.Variable((1, 4, 8, 8)), (3, 3), multiplier=2).shape
    (1, 8, 6, 6)
    """,
    _STEPS,
)

dq_deconvolution = method_layer(
    "dq_deconvolution",
    layers.quantized_deconvolution,
    _quantizers,
    "Deconvolution whose weights and bias learn their step, range and bits (DQ).",
    """
    >>> dq_deconvolution(nn.Variable((1, 4, 8, 8)), 2, (2, 2), stride=(2, 2), bits=3).shape
    (1, 2, 16, 16)
    """,
    _STEPS,
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
