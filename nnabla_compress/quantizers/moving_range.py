# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Affine quantization whose range follows the tensor while a network is trained.

A weight's range is that of its values now. An activation's is the moving average of the smallest
and of the largest value of each batch, corrected for its start::

    a(t) = decay a(t - 1) + (1 - decay) min x        min = a(t) / (1 - decay**t)

It is updated in the backward pass, so that only training moves it. During the first ``delay``
updates the tensor passes as it is (``quant_delay``): the range is learned, nothing is quantized.

The weight of a layer whose batch normalization is folded while it is trained is quantized as the
device will have it, times k = gamma / sqrt(var + eps) of the running variance: see
:func:`nnabla_compress.functions.folded_batch_normalization`. The gradient of W is k times that of
the folded weight; gamma gets its share once the normalization is frozen.

B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only
inference, CVPR 2018, arXiv:1712.05877; R. Krishnamoorthi, arXiv:1806.08342, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Mapping, Optional, Sequence, Tuple, Type

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.affine import Affine, AffineFunction, AffineGrid
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.engine import add_gradient, host_array

# Inputs of the node behind the tensor.
SCALE, ZERO_POINT, UPDATES, LOW, HIGH, GAMMA, VARIANCE, NORMALIZED = range(1, 9)


class MovingRangeFunction(AffineFunction):
    """The node: an affine quantizer that keeps its range up to date in the backward pass."""

    quantizer: Type[MovingRange]
    _waits = False  # in the last forward pass
    _frozen = False  # likewise
    _scale: Any = None
    _deviation: Any = None

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        self._waits = updates_done(inputs[UPDATES]) < self.args["delay"]
        self._frozen = "fold" in self.args and is_frozen(
            inputs[NORMALIZED], self.args["fold"]["freeze_after"]
        )
        if "fold" in self.args:
            # The normalization moves the variance before the backward pass.
            self._scale = _fold_scale(self.args, inputs)
            self._deviation = standard_deviation(inputs[VARIANCE], self.args["fold"]["eps"])
        if self._waits:
            tensor = self.quantizer.tensor_of(self.args, inputs)
            host_array(outputs[0].data, np.float32, overwrite=True)[...] = tensor
        else:
            super().forward_impl(inputs, outputs)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if "fold" in self.args:
            self._backward_of_folded(inputs, outputs, propagate_down, accum)
        elif not self._waits:
            super().backward_impl(inputs, outputs, propagate_down, accum)
        elif propagate_down[0]:
            add_gradient(host_array(outputs[0].grad, np.float32), inputs[0], accum[0])
        self.quantizer.follow(self.args, inputs)
        count_update(inputs[UPDATES])

    def _backward_of_folded(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        # A range of all values clips none: the gradient passes as it is.
        gradient = host_array(outputs[0].grad, np.float32)
        fold = self.args["fold"]
        if propagate_down[0]:
            add_gradient(gradient * self._scale, inputs[0], accum[0])
        if propagate_down[GAMMA]:
            total = np.zeros(inputs[GAMMA].size)
            if self._frozen:
                product = gradient * host_array(inputs[0].data, np.float32)
                others = tuple(i for i in range(product.ndim) if i != fold["axis"])
                total = product.sum(axis=others, dtype=np.float64) / self._deviation
            add_gradient(total, inputs[GAMMA], accum[GAMMA])


@register
@dataclass(frozen=True)
class MovingRange(Affine):
    """An affine quantizer for quantization-aware training.

    Args:
        bits: 2 to 16.
        symmetric: Whether the zero point is 0.
        signed: Whether a symmetric quantizer has negative values.
        narrow: Whether a symmetric, signed quantizer leaves the code -2**(bits - 1) out.
        scale: ``"real"`` or ``"pow2"``.
        axis: The axis along which a weight has a scale for each index; None for one for all.
        fit: How the first tensor, and a weight always, sets the range: ``"min_max"`` or ``"mse"``.
        decay: Of the moving averages, 0 to below 1.
        delay: Updates before anything is quantized, 0 or more.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> nn.clear_parameters()
        >>> x = nn.Variable.from_numpy_array(np.float32([0, 1, 3]), need_grad=True)
        >>> quantize = MovingRange(bits=2, symmetric=False, decay=0.5)
        >>> y = quantize(x * 1)
        >>> y.forward(); y.backward(); x.d = 2 * x.d; y.forward(); y.backward()
        >>> y.forward(); y.d.astype(float).round(3).tolist()   # to (0.5 * 3 + 6) / 1.5 = 5
        [0.0, 1.667, 5.0]
    """

    type_name: ClassVar[str] = "MovingRangeQuantizer"
    calibratable: ClassVar[Tuple[str, ...]] = ()
    folds_in_training: ClassVar[bool] = True
    scope: ClassVar[str] = "moving_range"
    node_type: ClassVar[Type[AffineFunction]] = MovingRangeFunction

    fit: str = "min_max"
    decay: float = 0.99
    delay: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ConfigError(
                f"MovingRange: decay is {self.decay}, allowed is 0 to below 1.", help="try 0.99"
            )
        if isinstance(self.delay, bool) or not isinstance(self.delay, int) or self.delay < 0:
            raise ConfigError(
                f"MovingRange: delay is {self.delay!r}, it counts updates.", help="0 or more"
            )

    def state(self, x: nn.Variable, scope: str) -> List[nn.Variable]:
        """Returns the quantizer's parameters, created in the current scope where missing.

        Args:
            x: The tensor.
            scope: Where they are kept.
        """
        zero = np.zeros(1, np.float32)
        counted = [
            get_parameter_or_create(f"{scope}/{name}", (1,), zero, False)
            for name in ("updates", "low", "high")
        ]
        return [*super().state(x, scope), *counted]

    @classmethod
    def tensor_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> np.ndarray:
        """Returns what a node quantizes: the tensor, or the folded weight, float32.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
        """
        tensor = super().tensor_of(args, inputs)
        return tensor * _fold_scale(args, inputs) if "fold" in args else tensor

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the quantizer from native functions, for the parameters as they are now."""
        args = function.info.args
        if "fold" in args:
            scale = nn.Variable.from_numpy_array(_fold_scale(args, function.inputs))
            inputs = [F.mul2(inputs[0], scale), *inputs[1:]]
        return super().lower(function, inputs)

    @classmethod
    def settle(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> AffineGrid:
        """Returns the grid; that of a weight is fitted to what the weight is now.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.

        Raises:
            TrainingError: If the tensor holds NaN or infinities.
            ConfigError: If the parameters mean nothing.
        """
        if args["tensor"]:
            for parameter in inputs[SCALE : ZERO_POINT + 1]:
                host_array(parameter.data, np.float32)[...] = np.nan
        return super().settle(args, inputs)

    @classmethod
    def follow(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Moves the range of an activation towards the batch that is there.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
        """
        if args["tensor"]:
            return
        x = host_array(inputs[0].data, np.float32)
        decay = args["decay"]
        corrected = []
        for parameter, value in ((inputs[LOW], x.min()), (inputs[HIGH], x.max())):
            average = host_array(parameter.data, np.float32)
            average[...] = decay * average + (1 - decay) * value
            corrected.append(average / (1 - decay ** (updates_done(inputs[UPDATES]) + 1)))
        scale, zero_point = cls.of(args).scale_and_zero_point(*corrected)
        host_array(inputs[SCALE].data, np.float32)[...] = scale
        host_array(inputs[ZERO_POINT].data, np.float32)[...] = zero_point


def folded(
    function: Any, gamma: nn.Variable, variance: nn.Variable, normalized: nn.Variable, **fold: Any
) -> nn.Variable:
    """Returns the weight of a node times gamma / sqrt(variance + eps), quantized.

    Args:
        function: A node of :class:`MovingRange` for a weight.
        gamma: Scale of the batch normalization behind the layer.
        variance: Its running variance.
        normalized: Its counter of updates, shape (1,).
        fold: ``axis`` of the output channels in the weight, ``eps``, and ``freeze_after``: updates
            until the running statistics are frozen, None for never.
    """
    args = dict(function.info.args, fold=fold)
    inputs = [*function.inputs[:GAMMA], gamma, variance, normalized]
    return MovingRangeFunction(MovingRange, args, inputs).node()


def _fold_scale(args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> np.ndarray:
    """Gamma / sqrt(variance + eps), in a shape that broadcasts to the weight."""
    fold = args["fold"]
    gamma = host_array(inputs[GAMMA].data, np.float32).ravel()
    scale = gamma / standard_deviation(inputs[VARIANCE], fold["eps"])
    shape = [1] * inputs[0].ndim
    shape[fold["axis"]] = -1
    return scale.astype(np.float32).reshape(shape)


def standard_deviation(variance: nn.Variable, eps: float) -> np.ndarray:
    """Returns sqrt(variance + eps) of each channel, float64.

    Args:
        variance: A parameter.
        eps: Added before the square root.
    """
    return np.sqrt(host_array(variance.data, np.float32).ravel().astype(np.float64) + eps)


def is_frozen(updates: nn.Variable, freeze_after: Optional[int]) -> bool:
    """Returns whether a normalization has had the updates after which it is frozen.

    Args:
        updates: Its counter, shape (1,).
        freeze_after: Number of updates, None for never.
    """
    return freeze_after is not None and updates_done(updates) >= freeze_after


def updates_done(updates: nn.Variable) -> int:
    """Returns a counter that is a parameter.

    Args:
        updates: Of shape (1,).
    """
    return int(host_array(updates.data, np.float32)[0])


def count_update(updates: nn.Variable) -> None:
    """Adds one to a counter that is a parameter.

    Args:
        updates: Of shape (1,).
    """
    host_array(updates.data, np.float32)[...] += 1
