# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q with a dictionary for each group of rows: tables whose rows differ in scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Iterator, List, Mapping, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.kernels.look_up import look_up
from nnabla_compress.quantizers.base import (
    register,
    require_parameter,
    scope_name,
)
from nnabla_compress.quantizers.dictionary_start import initial_dictionary
from nnabla_compress.quantizers.engine import array, byte_parameter, host_array
from nnabla_compress.quantizers.lut import LUT, finite_values, k_means_step
from nnabla_compress.quantizers.row_coded import RowCoded
from nnabla_compress.quantizers.straight_through import StraightThrough, with_gradient_to
from nnabla_compress.row_codes import RowCodes


@register
@dataclass(frozen=True)
class RowLUT(RowCoded):
    """Weights tied to dictionaries of 2**bits values, one for each group of neighbouring rows.

    Otherwise as :class:`LUT` with free values. Targets of export store such a weight as its values;
    see :class:`~nnabla_compress.row_codes.RowCodes` for its codes.

    Args:
        bits: Bits of an assignment, 1 to 8.
        rows: Rows of a group; the last one may have fewer.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> table = nn.parameter.get_parameter_or_create("items/W", (100, 16))
        >>> RowLUT(bits=2, rows=10)(table).parent.inputs[1].shape
        (10, 4)
    """

    type_name: ClassVar[str] = "RowLUT"
    most: ClassVar[Mapping[str, int]] = {"bits": 8, "rows": 1 << 31}

    bits: int = 4
    rows: int = 64

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns ``dictionaries[row // rows][assignments]`` in the shape of the weight ``x``."""
        require_parameter(x, "RowLUT")
        shape = -(-x.shape[0] // self.rows), 2**self.bits
        start = np.full(shape, np.nan, np.float32)
        dictionaries = get_parameter_or_create("row_lut/dictionaries", shape, start, False)
        assignments = byte_parameter("row_lut", "assignments", x.shape, 0)
        args = dict(asdict(self), name=scope_name())
        return GroupedLookUp(RowLUT, args, (x, dictionaries, assignments)).node()

    @classmethod
    def parameter_axes(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> List[Tuple[Any, ...]]:
        """Returns that each weight has an assignment; dictionaries have axes of their own."""
        return [(None, None), tuple(range(inputs[0].ndim))]

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Starts each dictionary with the least error for its rows, unless it holds values."""
        if not np.isnan(array(inputs[1], np.float32)).any():
            return
        finite_values(args, inputs[0])
        alone = LUT(bits=args["bits"])
        for weight, dictionary, codes in _groups(args, inputs):
            dictionary[...] = k_means_step(
                alone, weight, initial_dictionary(alone, weight, None), codes
            )

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Does ``steps`` k-means steps for each group."""
        cls.prepare(args, inputs)
        alone = LUT(bits=args["bits"])
        for weight, dictionary, codes in _groups(args, inputs):
            for _ in range(steps):
                dictionary[...] = k_means_step(alone, weight, dictionary.copy(), codes, args)

    @classmethod
    def encode(cls, function: Any) -> Any:
        """Returns the assignments, as :class:`~nnabla_compress.row_codes.RowCodes`."""
        args, inputs = function.info.args, function.inputs
        cls.prepare(args, inputs)
        codes, books = array(inputs[2], np.uint8), array(inputs[1], np.float32)
        return RowCodes(
            codes.reshape(len(codes), -1).copy(),
            args["bits"],
            books.copy().reshape(len(books), 1, -1, 1),
            tuple(inputs[0].shape),
            args["rows"],
        )

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the look-up by NNabla's Embed; W - W adds the straight-through gradient."""
        weight, dictionaries, assignments = inputs
        args = function.info.args
        cls.prepare(args, inputs)
        groups, entries = dictionaries.shape
        first = np.repeat(np.arange(groups) * entries, args["rows"])[: weight.shape[0]]
        first = first.reshape(-1, *[1] * (weight.ndim - 1)).astype(np.float32)
        places = assignments + F.broadcast(nn.Variable.from_numpy_array(first), weight.shape)
        looked_up = F.embed(places, F.reshape(dictionaries, (dictionaries.size, 1)))
        return with_gradient_to(weight, F.reshape(looked_up, weight.shape))

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of an assignment."""
        return int(args["bits"])


class GroupedLookUp(StraightThrough):
    """Forward the entries of the groups' dictionaries, backward the identity to W."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        RowLUT.prepare(self.args, inputs)
        out = host_array(outputs[0].data, np.float32, overwrite=True)
        step = self.args["rows"]
        for number, (_, dictionary, codes) in enumerate(_groups(self.args, inputs)):
            look_up(dictionary, codes, out[number * step : (number + 1) * step])


def _groups(
    args: Mapping[str, Any], inputs: Sequence[nn.Variable]
) -> Iterator[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights, dictionary and assignments of each group, in place."""
    weight, dictionaries = (array(variable, np.float32) for variable in inputs[:2])
    codes, step = array(inputs[2], np.uint8), args["rows"]
    for number, dictionary in enumerate(dictionaries):
        rows = slice(number * step, (number + 1) * step)
        yield np.ascontiguousarray(weight[rows]), dictionary, codes[rows]
