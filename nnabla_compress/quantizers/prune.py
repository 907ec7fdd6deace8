# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pruning alone: the smallest weights are zero, the others stay float.

The forward pass multiplies by a mask. The gradient goes to all float weights unchanged, so that a
pruned weight can come back, and after each update the mask is chosen anew
(:class:`nnabla_compress.solvers.LUTQ`); or the mask is fixed, and the gradient
is masked, too. To prune and tie the rest to a dictionary, use
:class:`~nnabla_compress.quantizers.LUT` with ``prune=``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Mapping, Optional, Sequence

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
from nnabla_compress.quantizers.engine import array, byte_parameter, host_array
from nnabla_compress.quantizers.lut import finite_values
from nnabla_compress.quantizers.masks import (
    count_of,
    input_axis,
    largest,
    of_pattern,
    parse_pattern,
)

NOT_CHOSEN = 255
"""What the mask holds before it is chosen."""


@register
@dataclass(frozen=True)
class Prune(Quantizer):
    """Sets the weights of smallest magnitude to zero: a fraction of them, or a pattern.

    Args:
        rate: Fraction of the weights, 0 to 1: exactly ``floor(rate * n)`` of n are pruned, of equal
            ones at the limit the first.
        pattern: ``N:M`` in the place of a rate, such as ``2:4``: of every M consecutive input
            channels the N largest weights stay, for each output and position of a kernel apart.
        fixed: Whether the mask stays as it was chosen first, and pruned weights learn nothing.

    Raises:
        ConfigError: If an option is out of its range, or there are both rate and pattern, or none.

    References:
        S. Han et al., Learning both weights and connections for efficient neural networks,
        arXiv:1506.02626; A. Mishra et al., Accelerating sparse deep neural networks,
        arXiv:2104.08378.

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF, numpy as np
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 10)), 10, apply_w=Prune(0.75), name="fc")
        >>> y.forward()
        >>> int(np.sum(y.parent.inputs[1].d == 0))
        75
    """

    type_name: ClassVar[str] = "MagnitudePrune"

    rate: Optional[float] = None
    pattern: str = ""
    fixed: bool = False

    def __post_init__(self) -> None:
        if self.pattern and self.rate is None:
            try:
                parse_pattern(self.pattern)
            except ConfigError as error:
                raise ConfigError(f"Prune: {error.message}", help=error.help) from None
            return
        if self.pattern:
            raise ConfigError(
                f"Prune: rate is {self.rate!r} and pattern is {self.pattern!r}.",
                help="give one of the two",
            )
        if not isinstance(self.rate, (int, float, np.number)) or not 0 <= self.rate <= 1:
            raise ConfigError(
                f"Prune: rate is {self.rate!r}, it is a fraction of the weights.",
                help="choose 0 (nothing) to 1, or a pattern such as 2:4",
            )

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the weight ``x`` with its smallest values at zero.

        Raises:
            ConfigError: If the input channels can't be divided as the pattern says.
        """
        require_parameter(x, "Prune")
        if self.pattern:
            _require_divisible(x, parse_pattern(self.pattern)[1])
        mask = byte_parameter("prune", "mask", x.shape, NOT_CHOSEN)
        rate = None if self.rate is None else float(self.rate)
        args = {"rate": rate, "pattern": self.pattern, "fixed": self.fixed, "name": scope_name()}
        return MagnitudePrune(Prune, args, (x, mask)).node()

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Chooses the mask from the weights present, unless one was chosen already."""
        if (array(inputs[1], np.uint8) == NOT_CHOSEN).any():
            cls._choose(args, inputs)

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Chooses the mask anew, unless it is fixed."""
        if not args["fixed"]:
            cls._choose(args, inputs)

    @classmethod
    def prunes_to(cls, args: Mapping[str, Any]) -> Optional[float]:
        """Returns the rate of a mask that is fixed; of a pattern what it leaves out."""
        if not args["fixed"]:
            return None
        if args["pattern"]:
            kept, of = parse_pattern(args["pattern"])
            return 1 - kept / of
        return float(args["rate"])

    @classmethod
    def prune_part(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], share: float
    ) -> None:
        """Chooses the mask for a part of the rate; a pattern is there as a whole, or not."""
        cls._choose(args, inputs, share)

    @classmethod
    def _choose(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], share: float = 1.0
    ) -> None:
        magnitudes = np.abs(finite_values(args, inputs[0]))
        mask = array(inputs[1], np.uint8)
        if args["pattern"]:
            kept, of = parse_pattern(args["pattern"])
            mask[...] = of_pattern(magnitudes, kept, of) if share >= 1 else 1
        else:
            rate = args["rate"] * share
            mask[...] = largest(magnitudes, count_of(rate, magnitudes.size))

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
        """Returns the product with the mask; W - W adds the gradient of pruned weights."""
        weight, mask = inputs
        cls.prepare(function.info.args, inputs)
        if function.info.args["fixed"]:
            return F.add_scalar(weight * mask, 0.0)
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
    """Forward ``W * mask + 0``, whose zeros are all positive; backward the identity to W.

    Where the mask is fixed, backward is the mask.
    """

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
        if not propagate_down[0]:
            return
        if not self.args["fixed"]:
            pass_gradient(self, inputs[0], outputs[0], accum[0])
        elif self.on_cpu:
            down = host_array(inputs[0].grad, np.float32, overwrite=not accum[0])
            masked = host_array(outputs[0].grad, np.float32) * array(inputs[1], np.uint8)
            down[...] = down + masked if accum[0] else masked
        else:
            target = [inputs[0].grad]
            masked = F.mul2(outputs[0].grad, inputs[1].data, inplace=False)
            if accum[0]:
                F.add2(target[0], masked, inplace=False, outputs=target)
            else:
                F.identity(masked, outputs=target)


def _require_divisible(weight: nn.Variable, of: int) -> None:
    channels = weight.shape[input_axis(weight.ndim)] if weight.ndim > 1 else 0
    if not channels or channels % of:
        raise ConfigError(
            f"Prune: a weight of the shape {tuple(weight.shape)} has {channels} input channels, "
            f"the pattern divides them by {of}.",
            help="choose layers with a multiple of them, such as by min_weights, or a rate",
        )
