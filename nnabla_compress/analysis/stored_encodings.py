# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The encodings of tensors in a network that consists of NNabla's own functions, as files hold.

An export turns quantizers into native functions, whose constants still tell the bits; NNabla has
quantize functions of its own, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.recognize import Codes, Powers, recognize
from nnabla_compress.function_types import KEEPS
from nnabla_compress.quantizers.base import quantizer_of

FLOAT_BITS = 32
_MOST_BITS, _MOST_EXPONENT = 64, 500


@dataclass(frozen=True)
class StoredEncoding:
    """How a tensor is encoded.

    Args:
        quantizer: Type name of the quantizer, "" for floats.
        bits: Bits of an element; 32 for floats, None if the file does not say.
        step: Distance of neighbouring values, or the smallest power of two; the least one of
            several channels. None if the graph does not say.
        low: The smallest value, likewise.
        high: The largest value, likewise.
    """

    quantizer: str = ""
    bits: Optional[float] = FLOAT_BITS
    step: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None

    def __str__(self) -> str:
        if not self.quantizer:
            return "float"
        return self.quantizer if self.bits is None else f"{self.quantizer} {self.bits:g} bit"

    @property
    def range(self) -> str:
        """The range of the values as it is printed, "" if it is unknown.

        Example:
            >>> StoredEncoding("Uniform", 4, 0.125, 0.0, 1.875).range
            '0 to 1.875'
        """
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.6g} to {self.high:.6g}"


def _fixed_point(args: Mapping[str, Any]) -> StoredEncoding:
    signed, step = bool(args["sign"]), float(args["delta"])
    # A file may state any number of bits.
    high = (2.0 ** min(max(int(args["n"]) - signed, 0), _MOST_BITS) - 1) * step
    return StoredEncoding("FixedPointQuantize", int(args["n"]), step, -high * signed, high)


def _native_pow2(args: Mapping[str, Any]) -> StoredEncoding:
    signed, zero, bits = bool(args["sign"]), bool(args["with_zero"]), int(args["n"])
    high = 2.0 ** min(max(int(args["m"]), -_MOST_EXPONENT), _MOST_EXPONENT)
    exponent_bits = min(max(bits - signed - zero, 0), _MOST_BITS)
    step = high * 2.0 ** max(1 - 2**exponent_bits, -_MOST_EXPONENT)
    low = -high if signed else 0.0 if zero else step
    return StoredEncoding("Pow2Quantize", bits, step, low, high)


# NNabla's own quantizers and what their arguments state.
NATIVE_QUANTIZERS: Dict[str, Callable[[Mapping[str, Any]], StoredEncoding]] = {
    "FixedPointQuantize": _fixed_point,
    "Pow2Quantize": _native_pow2,
    "MinMaxQuantize": lambda args: StoredEncoding("MinMaxQuantize", None),
    "BinaryTanh": lambda args: StoredEncoding("BinaryTanh", 1, 2.0, -1.0, 1.0),
    "BinarySigmoid": lambda args: StoredEncoding("BinarySigmoid", 1, 1.0, 0.0, 1.0),
    "INQAffine": lambda args: StoredEncoding("INQAffine", int(args["num_bits"])),
    "INQConvolution": lambda args: StoredEncoding("INQConvolution", int(args["num_bits"])),
}
# Functions whose output holds values of their input, or zero.
_KEEP = (*KEEPS, "Pad")


def encoding_of(tensor: nn.Variable) -> StoredEncoding:
    """Returns the encoding of a variable, from the functions that compute it.

    Args:
        tensor: A variable of a graph.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 4))
        >>> str(encoding_of(F.minimum_scalar(F.relu(x * 8), 15).parent.inputs[0]))
        'float'
        >>> str(encoding_of(F.round(F.minimum_scalar(F.relu(x * 8), 15)) * 0.125))
        'Uniform 4 bit'
    """
    function = tensor.parent
    while function is not None:
        type_name, args = function.info.type_name, function.info.args
        if quantizer_of(function) is not None:
            return encoding_of_node(function)
        if type_name in NATIVE_QUANTIZERS:
            return NATIVE_QUANTIZERS[type_name](args)
        found = recognize(function)
        if found is not None:
            return encoding_of_chain(found)
        if type_name not in _KEEP or not function.inputs:
            break
        function = function.inputs[0].parent
    return StoredEncoding()


def encoding_of_node(function: Any) -> StoredEncoding:
    """Returns the encoding that a quantizer's node stands for.

    Args:
        function: A node of the graph; step and range stay unknown until it has seen values.
    """
    quantizer = quantizer_of(function)
    assert quantizer is not None
    args, inputs = function.info.args, function.inputs
    found = StoredEncoding(quantizer.type_name, float(quantizer.bits_of(args, inputs)))
    settled = getattr(quantizer, "settled", None)
    if settled is None or any(np.isnan(parameter.d).any() for parameter in inputs[1:]):
        return found
    grid = settled(args, inputs)
    if hasattr(grid, "zero_point"):
        scale = grid.scale.astype(np.float64)
        low, high = float((scale * grid.lower).min()), float((scale * grid.upper).max())
        return StoredEncoding(found.quantizer, found.bits, float(scale.min()), low, high)
    step, high = float(np.min(grid.finest)), float(np.max(grid.largest))
    low = -high if args["signed"] else 0.0 if args.get("zero", True) else step
    return StoredEncoding(found.quantizer, found.bits, step, low, high)


def encoding_of_chain(found: Union[Codes, Powers]) -> StoredEncoding:
    """Returns the encoding that recognized functions stand for.

    Args:
        found: As from :func:`~nnabla_compress.analysis.recognize.recognize`.
    """
    if isinstance(found, Powers):
        low = -found.q_max if found.signed else 0.0 if found.zero else found.q_min
        return StoredEncoding("Pow2", found.bits, found.q_min, low, found.q_max)
    steps = found.steps.astype(np.float64)
    low, high = (steps * found.low).min(), (steps * found.high).max()
    return StoredEncoding("Uniform", found.bits, float(steps.min()), float(low), float(high))
