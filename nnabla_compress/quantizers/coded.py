# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A weight that lies on codes already, as a file brought it: it is encoded again, not quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.quantizers.base import (
    Quantizer,
    register,
)
from nnabla_compress.quantizers.engine import array, host_array
from nnabla_compress.quantizers.straight_through import StraightThrough


@register
@dataclass(frozen=True)
class Coded(Quantizer):
    """Says of a weight how its values are encoded; the values stay as they are.

    Args:
        encoding: Codes of the weight, with a scale or a dictionary.
        origin: What once quantized it, as reports name it.

    Example:
        >>> encoding = Encoding(np.array([[0, 3]]), 2, scale=np.float32(0.5))
        >>> weight = Coded(encoding)(nn.Variable.from_numpy_array(encoding.decode()))
        >>> Coded.encode(weight.parent).codes.tolist()
        [[0, 3]]
    """

    type_name: ClassVar[str] = "Coded"
    in_rules: ClassVar[bool] = False

    encoding: Encoding
    origin: str = ""

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the values of ``x``, which must be those of the encoding."""
        encoding, dictionary = self.encoding, self.encoding.dictionary
        table = encoding.scale if dictionary is None else dictionary
        default = "Affine" if dictionary is None else "LUT"
        args = {
            "bits": int(encoding.bits),
            "dictionary": dictionary is not None,
            "spacing": int(encoding.spacing),
            "axis": -1 if encoding.axis is None else int(encoding.axis),
            "origin": self.origin or default,
        }
        tables = [np.asarray(part, np.float32).ravel() for part in (table, encoding.zero_point)]
        constants = [nn.Variable.from_numpy_array(part) for part in tables]
        return CodedWeight(Coded, args, (x, *constants)).node()

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the encoding, its codes found from the values present.

        Raises:
            ExportError: If the values are none that the codes stand for.
        """
        args, inputs = function.info.args, function.inputs
        weight, table, zero_point = (array(variable, np.float32) for variable in inputs)
        axis = None if args["axis"] < 0 else int(args["axis"])
        if args["dictionary"]:
            order = np.argsort(table, kind="stable")
            codes = order[np.searchsorted(table[order], weight).clip(0, len(table) - 1)]
            found = Encoding(codes, args["bits"], dictionary=np.array(table))
        else:
            along = [1] * weight.ndim
            if axis is not None:
                along[axis] = -1
            offset = np.rint(zero_point).astype(np.int64)
            divisor = np.where(table == 0, 1, table).astype(np.float64).reshape(along)
            shifts = offset.reshape(along if offset.size > 1 else ())
            spacing = int(args["spacing"])
            codes = (np.rint(weight / divisor).astype(np.int64) + shifts) // spacing
            scale = np.array(table if axis is not None else table[0])
            point = offset if offset.size > 1 else int(offset[0])
            found = Encoding(codes, args["bits"], scale, point, axis=axis, spacing=spacing)
        if not np.array_equal(found.decode(), weight):
            raise ExportError(
                "a weight no longer has the values that its codes stand for.",
                help="export the network that the file was made from",
            )
        return found

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the weight: its values are decoded already."""
        return inputs[0]

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of a code."""
        return float(args["bits"])

    @classmethod
    def label(cls, args: Mapping[str, Any]) -> str:
        """Returns what quantized the weight before it was stored."""
        return str(args["origin"])


class CodedWeight(StraightThrough):
    """Forward the weight as it is; backward the identity."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        if self.on_cpu:
            host_array(outputs[0].data, np.float32, overwrite=True)[...] = array(
                inputs[0], np.float32
            )
        else:
            outputs[0].data.copy_from(inputs[0].data)
