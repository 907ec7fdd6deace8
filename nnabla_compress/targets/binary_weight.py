# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``binary-weight``: layers that read integer weights in place, with a scale a channel.

``y = alpha conv(x, k) + b`` with k of one byte or one bit and float x: no weight is ever decoded
into memory. The C runtime takes k and alpha from the file; NNabla would compute them again from the
signs of a float weight, so what the file computes can be seen on the runtime only. A reference of
plain layers is written beside it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT, layer_name
from nnabla_compress.encodings import CODES, Encoding
from nnabla_compress.function_types import FORWARD_LAYERS, WEIGHTED
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.lowering.storage import coded_tensor
from nnabla_compress.lowering.storage.scheme import unfilled
from nnabla_compress.nnb.sources import source_of
from nnabla_compress.targets.left_over import left_over
from nnabla_compress.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.targets.target import (
    ExportOptions,
    Lowered,
    Rule,
    Target,
    lower_plainly,
    unused,
)

_BYTE = (-128, 127)
_AT_ONCE = 1 << 20  # numbers


class BinaryWeight(Target):
    """Layers on codes of 8 bits or 1 bit times a scale for each output channel."""

    name = "binary-weight"
    runs_in_nnabla = False
    rules: ClassVar[Dict[str, Optional[Rule]]] = {
        **RULES,
        **dict.fromkeys(("BinaryWeightConvolution", "BinaryWeightAffine")),
    }
    ways_out = WAYS_OUT

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network with binary-weight layers for what is integers times scales."""
        plain = lower_plainly(network, folded)
        builder = _Builder(plain)
        outputs = rebuild(plain.outputs, builder.replace)
        names = {**plain.names, **network.paths_in(outputs)}
        return Lowered(
            outputs,
            names,
            plain.plain,
            exact=False,
            types=builder.types,
            storage=builder.storage,
            notes=[
                "NNabla computes binary-weight layers from other numbers than the C runtime: run "
                "the reference there",
                *left_over(builder.reasons, "stays float"),
                *unused(options, self.name),
            ],
            reference=plain.outputs,
            deferred=builder.deferred,
        )


class ScaledIntegers(NamedTuple):
    """A weight as integers times a scale for each output channel.

    Args:
        integers: -128 to 127, a byte each, of the weight's shape.
        scale: float32, shape (output channels,).
    """

    integers: np.ndarray
    scale: np.ndarray

    @property
    def type(self) -> str:
        """How the C runtime holds the integers: as signs if they are, eight to a byte."""
        signs = self.integers.size % 8 == 0 and _all_are(self.integers, 1)
        return "SIGN" if signs else "FIXED8_0"


def scaled_integers(encoding: Encoding, axis: int) -> Tuple[Optional[ScaledIntegers], str]:
    """Returns an encoded weight as integers of a byte, or why it is none.

    Args:
        encoding: How the weight is stored.
        axis: Axis of its output channels.

    Returns:
        The integers and "", or None and the reason.

    Example:
        >>> weight = Encoding(np.array([[0], [1]]), 1, dictionary=np.float32([-0.5, 0.5]))
        >>> found, _ = scaled_integers(weight, 0)
        >>> found.integers.ravel().tolist(), found.scale.tolist()
        ([-1, 1], [0.5, 0.5])
    """
    coded = coded_tensor(encoding)
    if coded is None or coded.scale is None:
        return None, "its values are no integers times a scale"
    if coded.axis not in (None, axis):
        return None, "its scales are not those of output channels"
    integers, low, high = np.empty(coded.shape, np.int8), np.inf, -np.inf
    shift = 0 if coded.shift is None else coded.along_axis(coded.shift)
    shifts = np.broadcast_to(shift, coded.shape)
    step = max(1, _AT_ONCE * len(integers) // max(1, integers.size))
    for start in range(0, len(integers), step):
        rows = slice(start, start + step)
        whole = coded.levels[coded.index[rows]] + shifts[rows]
        low, high = min(low, whole.min()), max(high, whole.max())
        if low >= _BYTE[0] and high <= _BYTE[1]:
            integers[rows] = whole
    if low < _BYTE[0] or high > _BYTE[1]:
        return None, f"its integers go from {low:g} to {high:g}, a byte holds {_BYTE[0]} to 127"
    count = coded.shape[axis]
    scale = np.broadcast_to(np.asarray(coded.scale, np.float32).ravel(), (count,))
    one = float(max(-low, high))
    if one > 1 and _all_are(integers, one):
        return ScaledIntegers(np.sign(integers), scale * np.float32(one)), ""
    return ScaledIntegers(integers, np.array(scale)), ""


def _all_are(integers: np.ndarray, magnitude: float) -> bool:
    """Whether all of them are of one magnitude."""
    flat = integers.reshape(-1)
    starts = range(0, flat.size, _AT_ONCE)
    parts = (flat[start : start + _AT_ONCE] for start in starts)
    return all(((part == magnitude) | (part == -magnitude)).all() for part in parts)


class _Builder:
    def __init__(self, plain: Lowered) -> None:
        self.encodings = plain.plain.encodings
        self.names = plain.names
        self.types: Dict[nn.Variable, str] = {}
        self.storage: Dict[Any, str] = {}
        self.reasons: Dict[str, str] = {}
        self.parameters: Dict[Any, Tuple[nn.Variable, nn.Variable]] = {}
        self.deferred = Deferred()

    def replace(self, function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        type_name = function.info.type_name
        if type_name not in WEIGHTED:
            return None
        weight = arguments[WEIGHT]
        path = self.names.get(weight.data, weight.name) or type_name
        found, reason = None, f"{type_name} has no such kernel"
        if type_name in FORWARD_LAYERS:
            found, reason = self.integers_of(weight, 1 if type_name == "Affine" else 0)
        if found is None:
            self.reasons[layer_name(path)] = reason
            return None
        codes, scale = self.stored(found, weight, path, type_name)
        if type_name == "Affine":
            bias = arguments[2] if len(arguments) > 2 else None
            # One variable for both: it is stored once.
            return F.binary_weight_affine(
                arguments[0], codes, codes, scale, bias, function.info.args["base_axis"]
            )
        return _convolution(function, arguments, codes, scale, path)

    def integers_of(self, weight: nn.Variable, axis: int) -> Tuple[Optional[ScaledIntegers], str]:
        if weight.data not in self.encodings:
            return None, "its weights are not quantized"
        if axis == 1 and weight.ndim != 2:
            return None, "its output has several axes"
        return scaled_integers(self.encodings[weight.data], axis)

    def stored(
        self, found: ScaledIntegers, weight: nn.Variable, path: str, type_name: str
    ) -> Tuple[nn.Variable, nn.Variable]:
        if weight.data not in self.parameters:
            integers = found.integers
            if type_name == "DepthwiseConvolution":
                integers = integers[:, None]
            codes = unfilled(integers.shape, path + CODES)
            self.deferred.codes[codes.data] = source_of(integers)
            self.types[codes] = found.type
            self.storage[weight.data] = f"binary-weight {found.type}"
            scale = constant(found.scale, f"{path}_scale", need_grad=False)
            self.parameters[weight.data] = codes, scale
        return self.parameters[weight.data]


def _convolution(
    function: Any,
    arguments: Sequence[nn.Variable],
    codes: nn.Variable,
    scale: nn.Variable,
    path: str,
) -> nn.Variable:
    args = function.info.args
    depthwise = function.info.type_name == "DepthwiseConvolution"
    # Must be another variable than the codes: the converter cuts it to one element.
    unused = constant(np.zeros(codes.shape, np.float32), f"{path}_unused", need_grad=False)
    return F.binary_weight_convolution(
        arguments[0],
        unused,
        codes,
        scale,
        arguments[2] if len(arguments) > 2 else None,
        base_axis=args["base_axis"],
        pad=args["pad"],
        stride=args["stride"],
        dilation=args["dilation"],
        group=arguments[0].shape[args["base_axis"]] if depthwise else args["group"],
    )
