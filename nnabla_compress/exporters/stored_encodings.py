# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The encodings of tensors in a network that consists of NNabla's own functions, as files hold.

An export turns quantizers into native functions, whose constants still tell the bits; NNabla has
quantize functions of its own, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Any, Callable, Dict, Mapping, Optional

import nnabla as nn

from nnabla_compress.quantizers.base import quantizer_of

FLOAT_BITS = 32
# NNabla's own quantizers and the bits that their arguments state; None: they do not.
NATIVE_QUANTIZERS: Dict[str, Callable[[Mapping[str, Any]], Optional[int]]] = {
    "FixedPointQuantize": lambda args: int(args["n"]),
    "Pow2Quantize": lambda args: int(args["n"]),
    "MinMaxQuantize": lambda args: None,
    "BinaryTanh": lambda args: 1,
    "BinarySigmoid": lambda args: 1,
    "INQAffine": lambda args: int(args["num_bits"]),
    "INQConvolution": lambda args: int(args["num_bits"]),
}
# Functions whose output holds values of their input, or zero.
_KEEP = (
    *("MaxPooling", "Reshape", "Transpose", "Slice", "Identity", "Unpooling", "Dropout"),
    *("ReLU", "Flip", "Shift", "Pad", "Split"),
)


@dataclass(frozen=True)
class StoredEncoding:
    """How a tensor is encoded.

    Args:
        quantizer: Type name of the quantizer, "" for floats.
        bits: Bits of an element; 32 for floats, None if the file does not say.
    """

    quantizer: str = ""
    bits: Optional[float] = FLOAT_BITS

    def __str__(self) -> str:
        if not self.quantizer:
            return "float"
        return self.quantizer if self.bits is None else f"{self.quantizer} {self.bits:g} bit"


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
        quantizer = quantizer_of(function)
        if quantizer is not None:
            return StoredEncoding(type_name, float(quantizer.bits_of(args, function.inputs)))
        if type_name in NATIVE_QUANTIZERS:
            return StoredEncoding(type_name, NATIVE_QUANTIZERS[type_name](args))
        if type_name == "MulScalar":
            return _uniform(function.inputs[0].parent)
        if type_name not in _KEEP or not function.inputs:
            break
        function = function.inputs[0].parent
    return StoredEncoding()


def _uniform(function: Any) -> StoredEncoding:
    """Reads the codes' range from the clip and the rounding that an export writes."""
    if function is None or function.info.type_name != "Round":
        return StoredEncoding()
    low, high = 0.0, None
    function = function.inputs[0].parent
    while function is not None and function.info.type_name in ("MinimumScalar", "MaximumScalar"):
        if function.info.type_name == "MinimumScalar":
            high = function.info.args["val"]
        else:
            low = function.info.args["val"]
        function = function.inputs[0].parent
    if high is None or not 0 <= high - low < 2**FLOAT_BITS:
        return StoredEncoding()
    return StoredEncoding("Uniform", ceil(log2(round(high - low) + 1)))
