# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Binary weights: the sign of each weight times the mean magnitude of its output's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Mapping, Optional, Sequence, Type

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import (
    QuantizerFunction,
    register,
    scope_name,
)
from nnabla_compress.quantizers.binary_connect import require_finite_zero
from nnabla_compress.quantizers.engine import array, host_array
from nnabla_compress.quantizers.given import GivenQuantizer
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.lut import finite_values
from nnabla_compress.quantizers.straight_through import StraightThrough


@register
@dataclass(frozen=True)
class BinaryWeight(GivenQuantizer):
    """Signs times one factor for each output; the gradient goes to the float weight unchanged.

    The factor is the mean magnitude of the output's weights, which makes the squared error least:
    Q(w) = alpha_o sgn(w) with alpha_o = mean abs(w) of output o. It computes what
    ``PF.binary_weight_convolution`` and ``PF.binary_weight_affine`` do.

    Args:
        quantize_zero_to: What counts as the sign of 0: 1 or -1; other numbers take a second bit.
        axis: The axis of the weight that counts the outputs: 0 for convolutions, 1 for affine
            layers.

    Raises:
        ConfigError: If an option is out of its range.

    References:
        M. Rastegari et al., XNOR-Net: ImageNet classification using binary convolutional neural
        networks, arXiv:1603.05279.

    Example:
        >>> w = nn.Variable.from_numpy_array(np.float32([[0.5, -0.2], [0, 0.4], [-0.3, 0.9]]))
        >>> y = BinaryWeight(axis=1)(w)
        >>> y.forward()
        >>> y.d.round(4).tolist()[0]
        [0.26669999957084656, -0.5]
    """

    type_name: ClassVar[str] = "BinaryWeight"

    quantize_zero_to: float = 1.0
    axis: int = 0

    def __post_init__(self) -> None:
        require_finite_zero("BinaryWeight", self.quantize_zero_to)

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the binary weights."""
        if isinstance(self.axis, bool) or not 0 <= self.axis < x.ndim:
            raise ConfigError(
                f"BinaryWeight: axis is {self.axis!r}, the weight has the shape {x.shape}.",
                help=f"choose 0 to {x.ndim - 1}",
            )
        return self.on(x, (), scope_name())

    @classmethod
    def node_class(cls) -> Type[QuantizerFunction]:
        """Returns the class of its nodes."""
        return BinaryWeightFunction

    @classmethod
    def signs_and_factors(cls, args: Mapping[str, Any], w: np.ndarray) -> List[np.ndarray]:
        """Returns the sign of each weight, and the factors along the axis of the outputs.

        Args:
            args: Arguments of a node.
            w: The weight.
        """
        zero = np.float32(args["quantize_zero_to"])
        signs = np.where(w > 0, np.float32(1), np.where(w < 0, np.float32(-1), zero))
        # An affine layer of several axes of outputs has a factor for each index of all of them.
        axes = tuple(range(args["axis"])) if args["axis"] else tuple(range(1, w.ndim))
        factors = np.abs(w.astype(np.float64)).mean(axes, keepdims=True).astype(np.float32)
        return [signs.astype(np.float32), factors]

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns signs with a scale for each output; a dictionary where these have two axes.

        Signs take one bit, and two where zeros are zeros.
        """
        args = function.info.args
        signs, factors = cls.signs_and_factors(args, finite_values(args, function.inputs[0]))
        zero, axis = float(args["quantize_zero_to"]), int(args["axis"])
        if _along_one_axis(factors) and zero in (-1, 1):
            codes, scale = (signs > 0).astype(np.uint8), factors.ravel()
            return Encoding(codes, 1, scale=scale, zero_point=1, axis=axis, spacing=2)
        if _along_one_axis(factors) and zero == 0:
            return Encoding(signs.astype(np.int8), 2, scale=factors.ravel(), axis=axis)
        dictionary, codes = np.unique(signs * factors, return_inverse=True)
        bits = max(1, (len(dictionary) - 1).bit_length())
        return Encoding(codes.reshape(signs.shape), bits, dictionary=dictionary)

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the product of signs and means; W - W adds the gradient."""
        args, w = function.info.args, inputs[0]
        axes = list(range(args["axis"])) if args["axis"] else list(range(1, w.ndim))
        held = F.identity(w)
        held.need_grad = False
        factors = F.mean(F.abs(held), axis=axes, keepdims=True)
        product = F.mul2(F.sign(held, float(args["quantize_zero_to"])), factors)
        return product + (w - held)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns 1, or 2 where zeros have a value of their own: the factors are not counted."""
        return 1 if args["quantize_zero_to"] in (1, -1) else 2

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[LevelGrid]:
        """Returns the factors with both signs; None where they have two axes or zeros a value."""
        _, factors = cls.signs_and_factors(args, array(inputs[0], np.float32))
        if args["quantize_zero_to"] not in (1, -1) or not _along_one_axis(factors):
            return None
        step = np.maximum(2 * factors.ravel(), np.finfo(np.float32).tiny)
        return LevelGrid(step, -np.ones(step.size), np.zeros(step.size), 0.5, int(args["axis"]))


def _along_one_axis(factors: np.ndarray) -> bool:
    return factors.size == max(factors.shape, default=1)


class BinaryWeightFunction(StraightThrough):
    """Forward the signs times their factors; backward the identity to W."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        signs, factors = BinaryWeight.signs_and_factors(self.args, array(inputs[0], np.float32))
        host_array(outputs[0].data, np.float32, overwrite=True)[...] = signs * factors
