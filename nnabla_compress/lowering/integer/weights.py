# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The whole numbers behind an encoded weight: its codes, or a dictionary that lies on a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Dict, Optional, Tuple

import numpy as np

from nnabla_compress.analysis.value_sets import Values
from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.storage import CodedTensor, coded_tensor
from nnabla_compress.nnb.sources import Source, source_of

_MOST = 2**15 - 1


@dataclass(frozen=True)
class IntegerWeight:
    """A weight as numbers on a grid, times scales.

    Args:
        tensor: The weight as storage schemes take it.
        scale: float64, one number, or one for each index of ``axis``.
        axis: The axis along which the scale varies.
    """

    tensor: CodedTensor
    scale: np.ndarray
    axis: Optional[int] = None

    @property
    def numbers(self) -> np.ndarray:
        """What a storage scheme decodes it to, float32 of the weight's shape, made anew each time.

        Whole numbers, or the values themselves where these are powers of two without a common
        scale.
        """
        return self.tensor.decode_integers()

    @property
    def largest(self) -> float:
        """The largest magnitude of the numbers."""
        return self._numbers.largest()[1]

    @cached_property
    def exponent(self) -> int:
        """Exponent of the power of two that the numbers are multiples of."""
        found = Values.of_pieces(self._numbers.make()).exponent
        assert found is not None  # weights are finite
        return found

    @property
    def source(self) -> Source:
        """The same numbers in pieces."""
        return self.tensor.look_up(self.tensor.sample().decode_integers())

    @property
    def _numbers(self) -> Source:
        """The numbers in pieces; each level once where it stands for itself everywhere."""
        return source_of(self.tensor.levels) if self.tensor.shift is None else self.source

    @cached_property
    def remembered(self) -> Dict[Any, Any]:
        """What was found of the weight, for whoever builds its network again."""
        return {}

    def scale_of_outputs(self, function: Any) -> Optional[np.ndarray]:
        """Returns a scale for each output channel of a layer, None if the scales are no such.

        Args:
            function: The layer.
        """
        type_name, shape = function.info.type_name, self.tensor.shape
        if type_name == "Affine":
            axis, count = 1, int(np.prod(shape[1:]))
        elif type_name == "Deconvolution":
            axis, count = 1, shape[1] * int(function.info.args["group"])
        else:
            axis, count = 0, shape[0]
        if self.axis is None:
            return np.broadcast_to(self.scale.ravel(), (count,))
        fits = self.axis == axis and self.scale.size == count
        return self.scale if fits else None

    def as_convolution(self, shape: Tuple[int, ...]) -> Optional[IntegerWeight]:
        """Returns the weight of an affine layer as that of a convolution over the whole map.

        Args:
            shape: (inputs of a channel..., kernel...) of one output, e.g. (16, 6, 6).
        """
        outputs = self.tensor.shape[1:]
        if self.axis is not None and len(outputs) != 1:
            return None
        if shape not in self.remembered:
            axes = (*range(1, len(self.tensor.shape)), 0)
            new = (int(np.prod(outputs)), *shape)
            self.remembered[shape] = replace(
                self,
                tensor=self.tensor.transposed(axes, new),
                axis=None if self.axis is None else 0,
            )
        found: IntegerWeight = self.remembered[shape]
        return found


def integer_weight(encoding: Encoding) -> Optional[IntegerWeight]:
    """Returns an encoded weight as numbers on a grid, None if its values lie on none.

    Args:
        encoding: Codes with a scale, or with a dictionary of powers of two or of whole numbers
            times a scale. Entries that no weight takes may be anything.

    Example:
        >>> dictionary = np.float32([-0.75, 0.25, 9.9, 1])
        >>> weight = integer_weight(Encoding(np.array([0, 1, 3]), 2, dictionary=dictionary))
        >>> weight.numbers.tolist(), float(weight.scale)
        ([-3.0, 1.0, 4.0], 0.25)
    """
    tensor = coded_tensor(encoding)
    if tensor is None or not tensor.index.size:
        return None
    if tensor.scale is None:
        units = Values.of(tensor.levels).units
        if units <= _MOST:
            return IntegerWeight(tensor, np.ones(1))
        found = on_grid(tensor.levels.astype(np.float32))
        if found is None:
            return None
        tensor = replace(tensor, levels=found[0].astype(np.float64), scale=np.asarray(found[1]))
    weight = IntegerWeight(tensor, np.asarray(tensor.scale, np.float64), tensor.axis)
    return weight if weight.largest <= _MOST else None


def on_grid(values: np.ndarray) -> Optional[Tuple[np.ndarray, np.float32]]:
    """Returns whole numbers and a scale whose float32 products are the values, None if none are.

    The smallest whole numbers are taken: up to 2**15 - 1.

    Args:
        values: float32.

    Example:
        >>> on_grid(np.sqrt(np.float32([2, 3, 5, 7]))) is None
        True
        >>> [part.tolist() for part in on_grid(np.float32([-0.5, 0.125]))]
        [[-4, 1], 0.125]
    """
    if values.size == 0 or not np.isfinite(values).all():
        return None
    peak = np.float32(np.abs(values).max())
    if peak == 0:
        return np.zeros(values.shape, np.int64), np.float32(1)
    # If the largest is n times the scale, the others are whole numbers times peak / n.
    counts = np.arange(1, _MOST + 1)
    ratios = values.astype(np.float64).ravel() / float(peak)
    multiples = ratios * counts[:, None]
    near = np.abs(multiples - np.rint(multiples)).max(axis=1) < _MOST * 2.0**-23
    for count in counts[near]:
        codes = np.rint(ratios * count).astype(np.int64)
        scale = np.float32(float(peak) / count)
        for candidate in (scale, np.nextafter(scale, np.float32(0)), np.nextafter(scale, peak)):
            if np.array_equal(codes.astype(np.float32) * candidate, values.ravel()):
                return codes.reshape(values.shape), candidate
    return None
