# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's codes between a smallest and a largest value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, List, Mapping, NamedTuple, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.native import Call, NativeQuantizer

_MOST_CODES = 2**16


class MinMaxGrid(NamedTuple):
    """The codes: value = (code - zero_point) * scale.

    Args:
        scale: float32, of the shape of the ranges.
        zero_point: The code of 0, likewise.
        low: The smallest code, likewise.
        high: The largest code, likewise.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return max(1, int((self.high - self.low).max()).bit_length())


def min_max_grid(ranges: Sequence[np.ndarray], eps: float) -> MinMaxGrid:
    """Returns the codes that NNabla's MinMaxQuantize rounds to.

    The range is at least ``eps`` wide, and moved so that 0 has a code, or lies beyond its ends.

    Args:
        ranges: Smallest and largest value, smallest and largest code, of one shape.
        eps: The least width.

    Example:
        >>> found = min_max_grid([np.float32([v]) for v in (-1, 2, 0, 15)], 0.01)
        >>> float(found.scale[0]), float(found.zero_point[0]), found.bits
        (0.20000000298023224, 5.0, 4)
    """
    low, high, first, last = (np.asarray(part, np.float32) for part in ranges)
    high = np.where(high - low < np.float32(eps), low + np.float32(eps), high)
    scale = (high - low) / (last - first)
    zero = first - low / scale
    zero = np.where(zero <= first, first, np.where(zero >= last, last, np.floor(zero + 0.5)))
    return MinMaxGrid(scale.astype(np.float32), zero, first, last)


@register
@dataclass(frozen=True)
class MinMax(NativeQuantizer):
    """Rounds to codes of a range as ``F.min_max_quantize`` does; found in files.

    :class:`~nnabla_compress.quantizers.Affine` rounds to such codes, too, and finds its range.

    Args:
        x_min_max: Whether the range is that of the tensor present; else it is learned.
        ema: Whether it follows that of the tensors seen.
        decay: How slowly it does.
        fine_grained: Whether the gradient is 0 where a value is clipped; else it is 1 everywhere.
        eps: The least width of a range.
    """

    type_name: ClassVar[str] = "MinMaxQuantize"
    learned_tables: ClassVar[int] = 2
    snaps: ClassVar[bool] = True
    in_rules: ClassVar[bool] = False

    x_min_max: bool = False
    ema: bool = False
    decay: float = 0.999
    fine_grained: bool = True
    eps: float = 0.01

    @property
    def calls(self) -> Sequence[Call]:
        """MinMaxQuantize, which reads the ranges and the codes."""
        arguments = {
            "decay": float(self.decay),
            "x_min_max": bool(self.x_min_max),
            "ema": bool(self.ema),
            "ste_fine_grained": bool(self.fine_grained),
            "eps": float(self.eps),
        }
        return [("MinMaxQuantize", arguments)]

    def at_rest(self) -> MinMax:
        """Returns the quantizer with the range that there is, should it follow what it sees."""
        return replace(self, x_min_max=False, ema=False) if self.ema else self

    @classmethod
    def takes(cls, tables: Sequence[np.ndarray]) -> bool:
        """Returns whether ranges and codes are finite, and there is more than one code."""
        first, last = tables[2:]
        known = all(np.isfinite(part).all() for part in tables)
        return bool(known and (last > first).all() and (last - first < _MOST_CODES).all())

    @classmethod
    def grid(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> MinMaxGrid:
        """Returns the codes of a node.

        Args:
            args: Its arguments.
            inputs: The tensor, smallest and largest value, smallest and largest code.
        """
        ranges: List[np.ndarray] = [np.array(variable.d, np.float32) for variable in inputs[1:]]
        if args["x_min_max"] and not args["ema"]:
            x = np.array(inputs[0].d, np.float32)
            axes = tuple(axis for axis, size in enumerate(ranges[0].shape) if size == 1)
            ranges[0], ranges[1] = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
        return min_max_grid(ranges, args["eps"])

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the codes with their scale, one or one for each index of an axis."""
        args, inputs = function.info.args, function.inputs
        grid = cls.grid(args, inputs)
        whole = np.rint(cls.values(function).astype(np.float64) / grid.scale).astype(np.int64)
        axis = _long_axis(grid.scale.shape, args)
        zero = np.rint(grid.zero_point).astype(np.int64)
        codes = whole + zero
        if axis is None:
            return Encoding(codes, grid.bits, grid.scale.reshape(()), int(zero.ravel()[0]))
        return Encoding(codes, grid.bits, grid.scale.ravel(), zero.ravel(), axis=axis)

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[LevelGrid]:
        """Returns the multiples of the scale; None where ranges have two axes."""
        grid = cls.grid(args, inputs)
        if sum(size > 1 for size in grid.scale.shape) > 1:
            return None
        first, last = (grid.low - grid.zero_point).ravel(), (grid.high - grid.zero_point).ravel()
        axis = _long_axis(grid.scale.shape, args)
        return LevelGrid(grid.scale.ravel(), first, last, axis=axis)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of a code."""
        return min_max_grid([np.array(v.d) for v in inputs[1:]], args["eps"]).bits

    @classmethod
    def snapped(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], y: np.ndarray) -> None:
        """Makes values what their codes decode to: NNabla adds the offset, which rounds anew."""
        scale = cls.grid(args, inputs).scale
        y[...] = np.rint(y.astype(np.float64) / scale).astype(np.float32) * scale


def _long_axis(shape: Sequence[int], args: Mapping[str, Any]) -> Optional[int]:
    long = [axis for axis, size in enumerate(shape) if size > 1]
    if len(long) > 1:
        raise ExportError(
            f"MinMaxQuantize of {args['name'] or '(no name)'} has ranges along several axes: "
            f"{tuple(shape)}.",
            help="convert the layer: convert: lut",
        )
    return long[0] if long else None
