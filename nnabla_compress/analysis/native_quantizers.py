# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own quantize functions: which quantizer of ours computes the same."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import (
    INQ,
    BinaryConnect,
    BinaryWeight,
    FixedPoint,
    LinearCodes,
    MinMax,
    Pow2Quantize,
    PruneRate,
)
from nnabla_compress.quantizers.given import GivenQuantizer
from nnabla_compress.quantizers.inq import MOST_BITS
from nnabla_compress.quantizers.native import NativeQuantizer

_OF_LAYERS = ("base_axis", "pad", "stride", "dilation", "group")


class FusedLayer(NamedTuple):
    """A layer that quantizes its weight itself.

    Args:
        type_name: Type of the plain layer.
        args: Its arguments.
        quantizer: What it does to its weight, the second input.
        bias: The input that is the bias, if there is one.
    """

    type_name: str
    args: Dict[str, Any]
    quantizer: GivenQuantizer
    bias: int


_Make = Callable[[Mapping[str, Any], bool], GivenQuantizer]


def _binary_connect(args: Mapping[str, Any], affine: bool) -> GivenQuantizer:
    return BinaryConnect(args["quantize_zero_to"])


def _binary_weight(args: Mapping[str, Any], affine: bool) -> GivenQuantizer:
    return BinaryWeight(args["quantize_zero_to"], axis=int(affine))


def _inq(args: Mapping[str, Any], affine: bool) -> GivenQuantizer:
    listed = list(args["inq_iterations"])
    # The one that is listed last fixes all: later ones find nothing to fix.
    iterations = tuple(sorted({i for i in listed if i <= listed[-1]})) or None
    seed = max(0, int(args["seed"]))
    # What more bits add are powers of two below 2**-63 of the largest weight.
    return INQ(min(int(args["num_bits"]), MOST_BITS), iterations, args["selection_algorithm"], seed)


# What makes the quantizer, and which input is the bias.
FUSED: Dict[str, Any] = {
    "BinaryConnectConvolution": (_binary_connect, 3),
    "BinaryConnectAffine": (_binary_connect, 3),
    "BinaryWeightConvolution": (_binary_weight, 4),
    "BinaryWeightAffine": (_binary_weight, 4),
    "INQConvolution": (_inq, 3),
    "INQAffine": (_inq, 3),
}
"""Layers of NNabla that quantize their weight themselves."""


def fused_layer(function: Any) -> Optional[FusedLayer]:
    """Returns what a layer that quantizes its weight consists of.

    Args:
        function: A function of a graph.

    Returns:
        The plain layer and the quantizer; None if it is another function, or our options can't say
        what it does.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> x, w = nn.Variable((1, 4)), nn.Variable((4, 3))
        >>> found = fused_layer(F.binary_connect_affine(x, w, nn.Variable((4, 3))).parent)
        >>> found.type_name, found.quantizer
        ('Affine', BinaryConnect(quantize_zero_to=1.0))
    """
    if function.info.type_name not in FUSED:
        return None
    args = function.info.args
    make, bias = FUSED[function.info.type_name]
    affine = function.info.type_name.endswith("Affine")
    own = {key: args[key] for key in _OF_LAYERS if key in args}
    if not affine:
        own["channel_last"] = False
    try:
        quantizer = make(args, affine)
    except ConfigError:  # INQ of more bits, for instance
        return None
    return FusedLayer("Affine" if affine else "Convolution", own, quantizer, bias)


def _fixed_point(args: Mapping[str, Any]) -> NativeQuantizer:
    return FixedPoint(args["n"], args["delta"], args["sign"], args["ste_fine_grained"])


def _pow2(args: Mapping[str, Any]) -> NativeQuantizer:
    sign, zero = args["sign"], args["with_zero"]
    return Pow2Quantize(args["n"], args["m"], sign, zero, args["ste_fine_grained"])


def _min_max(args: Mapping[str, Any]) -> NativeQuantizer:
    fine, eps = args["ste_fine_grained"], args["eps"]
    return MinMax(args["x_min_max"], args["ema"], args["decay"], fine, eps)


_CALLS: Dict[str, Callable[[Mapping[str, Any]], NativeQuantizer]] = {
    "FixedPointQuantize": _fixed_point,
    "Pow2Quantize": _pow2,
    "MinMaxQuantize": _min_max,
    "Prune": lambda args: PruneRate(args["rate"]),
}


def quantizer_of_call(function: Any) -> Optional[NativeQuantizer]:
    """Returns the quantizer that a function of NNabla is; DequantizeLinear with what it decodes.

    Args:
        function: A function of a graph.

    Returns:
        The quantizer, None if it is none or our options can't say it.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> quantizer_of_call(F.fixed_point_quantize(nn.Variable((3,)), n=4, delta=0.5).parent)
        FixedPoint(bits=4, step=0.5, signed=True, fine_grained=True)
    """
    type_name = function.info.type_name
    try:
        if type_name in _CALLS:
            return _CALLS[type_name](function.info.args)
        before = function.inputs[0].parent if type_name == "DequantizeLinear" else None
        if before is None or before.info.type_name != "QuantizeLinear":
            return None
        same = [a.data == b.data for a, b in zip(before.inputs[1:], function.inputs[1:])]
        args = before.info.args
        made = LinearCodes(args["round_mode"], args["narrow_range"], args["dtype"])
        return made if all(same) else None
    except ConfigError:  # more bits than ours have, for instance
        return None
