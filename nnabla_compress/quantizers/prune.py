# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pruning alone: the smallest weights are zero, the others stay float.

The forward pass multiplies by a mask; the gradient goes to all float weights unchanged, so that a
pruned weight can come back. After each update the mask is chosen anew
(:class:`nnabla_compress.solvers.LUTQ`). To prune and tie the rest to a dictionary, use
:class:`~nnabla_compress.quantizers.LUT` with ``prune=``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Mapping, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import (
    Quantizer,
    QuantizerFunction,
    pass_gradient,
    register,
    require_parameter,
    scope_name,
)
from nnabla_compress.quantizers.dictionaries import prune_threshold
from nnabla_compress.quantizers.engine import array, byte_parameter, host_array
from nnabla_compress.quantizers.lut import finite_values

_NOT_CHOSEN = 255


@register
@dataclass(frozen=True)
class Prune(Quantizer):
    """Sets the fraction ``rate`` of the weights, those of smallest magnitude, to zero.

    Args:
        rate: Fraction of the weights, 0 to 1. Of weights of equal magnitude at the limit, all are
            pruned.

    Raises:
        ConfigError: If ``rate`` is out of its range.

    References:
        S. Han et al., Learning both weights and connections for efficient neural networks,
        arXiv:1506.02626.

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF, numpy as np
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 10)), 10, apply_w=Prune(0.75), name="fc")
        >>> y.forward()
        >>> int(np.sum(y.parent.inputs[1].d == 0))
        75
    """

    type_name: ClassVar[str] = "MagnitudePrune"

    rate: float

    def __post_init__(self) -> None:
        if not isinstance(self.rate, (int, float, np.number)) or not 0 <= self.rate <= 1:
            raise ConfigError(
                f"Prune: rate is {self.rate!r}, it is a fraction of the weights.",
                help="choose 0 (nothing) to 1",
            )

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the weight ``x`` with its smallest values at zero."""
        require_parameter(x, "Prune")
        mask = byte_parameter("prune", "mask", x.shape, _NOT_CHOSEN)
        args = {"rate": float(self.rate), "name": scope_name()}
        return MagnitudePrune(Prune, args, (x, mask)).node()

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Chooses the mask from the weights present, unless one was chosen already."""
        if (array(inputs[1], np.uint8) == _NOT_CHOSEN).any():
            cls.after_update(args, inputs, 1)

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Chooses the mask anew."""
        values = finite_values(args, inputs[0])
        threshold = prune_threshold(values, args["rate"])
        array(inputs[1], np.uint8)[...] = np.abs(values) > threshold

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the mask as codes of one bit, and the values that are kept."""
        args, inputs = function.info.args, function.inputs
        cls.prepare(args, inputs)
        mask = array(inputs[1], np.uint8).copy()
        kept = array(inputs[0], np.float32)[mask.astype(bool)]
        return Encoding(codes=mask, bits=1, kept=kept + np.float32(0))

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the product with the mask; W - W times its complement adds the gradient."""
        weight, mask = inputs
        cls.prepare(function.info.args, inputs)
        constant = F.identity(weight)
        constant.need_grad = False
        kept = constant * mask
        return kept + (weight - constant)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns one bit for the mask and 32 for each weight that is kept."""
        cls.prepare(args, inputs)
        return 1 + 32 * float(array(inputs[1], np.uint8).mean())


class MagnitudePrune(QuantizerFunction):
    """Forward ``W * mask + 0``, whose zeros are all positive; backward the identity to W."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        Prune.prepare(self.args, inputs)
        if self.on_cpu:
            out = host_array(outputs[0].data, np.float32, overwrite=True)
            np.multiply(array(inputs[0], np.float32), array(inputs[1], np.uint8), out=out)
            out += np.float32(0)
        else:
            self.forward_composite(inputs, outputs)

    def forward_composite(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        """The product by NNabla's own functions, for contexts whose arrays are not on the host."""
        product = F.mul2(inputs[0].data, inputs[1].data, inplace=False)
        F.add_scalar(product, 0.0, inplace=False, outputs=[outputs[0].data])

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if propagate_down[0]:
            pass_gradient(self, inputs[0], outputs[0], accum[0])
