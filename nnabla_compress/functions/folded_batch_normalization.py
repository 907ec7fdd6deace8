# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Batch normalization behind a layer whose quantized weight has taken its scale in already.

The layer computes ``x = conv(input, Q(k W))`` with ``k = gamma / sqrt(var + eps)`` of the slow,
running variance, which is what the device will do. Without quantization, ``z = x / k + b`` is what
the layer computed before. While the network is trained, it sees the statistics of the batch::

    y = gamma (z - mean z) / sqrt(var z + eps) + beta                  (until it is frozen)
    y = x + beta + k (b - mean)           (frozen, and in inference: the bias of the folded layer)

The first line divides x by k and multiplies it again by gamma over the batch's deviation: the
correction ``sigma_running / sigma_batch`` of the whitepaper. Its batch statistics come from a
second convolution with float weights; here they are those of the quantized layer itself, so a
training step has one convolution, and the statistics are those that the device will meet.

R. Krishnamoorthi, Quantizing deep convolutional networks for efficient inference: a whitepaper,
arXiv:1806.08342, section 3.2.2.
"""

from __future__ import annotations

from typing import Any, List, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels.batch_normalization import (
    blocks,
    gradient_sums,
    input_gradient,
    moments,
    scale_and_shift,
)
from nnabla_compress.quantizers.engine import add_gradient, host_array
from nnabla_compress.quantizers.moving_range import count_update, is_frozen, standard_deviation

X, BETA, GAMMA, MEAN, VARIANCE, UPDATES, BIAS = range(7)


def folded_batch_normalization(
    x: nn.Variable,
    beta: nn.Variable,
    gamma: nn.Variable,
    mean: nn.Variable,
    variance: nn.Variable,
    updates: nn.Variable,
    bias: Optional[nn.Variable] = None,
    axis: int = 1,
    decay_rate: float = 0.9,
    eps: float = 1e-5,
    batch_stat: bool = True,
    freeze_after: Optional[int] = None,
) -> nn.Variable:
    """Normalizes the output of a layer whose weight is ``Q(gamma W / sqrt(variance + eps))``.

    See the formulas at the top of ``functions/folded_batch_normalization.py``. With ``batch_stat``
    the running mean and variance follow those of the batch as ``F.batch_normalization``'s do, and
    ``updates`` counts the backward passes.

    Args:
        x: Output of the layer, without its bias.
        beta: Shift, of size ``x.shape[axis]`` along ``axis`` and 1 elsewhere.
        gamma: Scale, same shape.
        mean: Running mean, same shape.
        variance: Running variance, same shape.
        updates: Number of updates so far, shape (1,).
        bias: What the layer adds to its output, shape (channels,); None for 0.
        axis: The channels' axis.
        decay_rate: Decay rate of the running statistics, 0 to 1.
        eps: Added to the variance before its square root.
        batch_stat: Whether the network is trained.
        freeze_after: Updates after which the running statistics are used, and stay as they are;
            None for never.

    Returns:
        The normalized output.

    References:
        R. Krishnamoorthi, arXiv:1806.08342, section 3.2.2.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([[2.0], [6.0]]))    # k W = 2 * 1
        >>> zero, one, two = (nn.Variable.from_numpy_array(np.full((1, 1), v)) for v in (0, 1, 2))
        >>> steps = nn.Variable.from_numpy_array(np.zeros(1))
        >>> y = folded_batch_normalization(x, zero, two, zero, one, steps, eps=0.0)
        >>> y.forward(); y.d.ravel().tolist()      # z = 1, 3
        [-2.0, 2.0]
    """
    args = {
        "axis": axis,
        "decay_rate": float(decay_rate),
        "eps": float(eps),
        "batch_stat": bool(batch_stat),
        "freeze_after": freeze_after,
    }
    inputs = [x, beta, gamma, mean, variance, updates, *([] if bias is None else [bias])]
    return FoldedBatchNormalization(args)(*inputs)


class FoldedBatchNormalization(ArgumentsFunction):
    """The node of :func:`folded_batch_normalization`."""

    _frozen = False  # in the last forward pass

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[X].shape, True)

    def _blocks(self, x: np.ndarray) -> np.ndarray:
        return blocks(x, self.args["axis"])

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        args = self.args
        x = self._blocks(host_array(inputs[X].data, np.float32))
        beta, gamma, mean = (_channels(inputs[i]) for i in (BETA, GAMMA, MEAN))
        bias = _channels(inputs[BIAS]) if len(inputs) > BIAS else 0.0
        deviation = standard_deviation(inputs[VARIANCE], args["eps"])
        self._frozen = not args["batch_stat"] or is_frozen(inputs[UPDATES], args["freeze_after"])
        self._folded = gamma / deviation
        if self._frozen:
            self._centered = bias - mean
            scale, shift = np.ones_like(gamma), beta + self._folded * self._centered
        else:
            scale, shift = self._batch_scale_and_shift(x, inputs, beta, gamma, bias)
        out = self._blocks(host_array(outputs[0].data, np.float32, overwrite=True))
        scale_and_shift(x, scale.astype(np.float32), shift.astype(np.float32), out)

    def _batch_scale_and_shift(
        self, x: np.ndarray, inputs: List[nn.Variable], beta: Any, gamma: Any, bias: Any
    ) -> Any:
        args = self.args
        self._mean, variance = moments(x)
        # Where gamma is 0, so is x: nothing can be learned of z.
        alive = self._folded != 0
        k = np.where(alive, self._folded, 1.0)
        variance = variance / np.square(k)
        self._inverse = np.where(alive, 1 / (k * np.sqrt(variance + args["eps"])), 0.0)
        count = x.shape[0] * x.shape[2]
        decay = args["decay_rate"]
        for place, batch in (
            (MEAN, self._mean / k + bias),
            (VARIANCE, variance * (count / max(count - 1, 1))),
        ):
            running = host_array(inputs[place].data, np.float32)
            moved = decay * running + (1 - decay) * batch.reshape(running.shape)
            running[...] = np.where(alive.reshape(running.shape), moved, running)
        scale = gamma * self._inverse
        return scale, beta - scale * self._mean

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        x = self._blocks(host_array(inputs[X].data, np.float32))
        dy = self._blocks(host_array(outputs[0].grad, np.float32))
        channels = x.shape[1]
        mean = np.zeros(channels, np.float32) if self._frozen else self._mean
        inverse = np.zeros(channels) if self._frozen else self._inverse
        d_beta, d_gamma = gradient_sums(dy, x, mean, inverse.astype(np.float32))
        slope, per_value, offset = np.ones(channels), np.zeros(channels), np.zeros(channels)
        d_bias = np.zeros(channels)
        if self._frozen:
            deviation = standard_deviation(inputs[VARIANCE], self.args["eps"])
            d_gamma = d_beta * self._centered / deviation
            d_bias = d_beta * self._folded
        else:
            count = x.shape[0] * x.shape[2]
            slope = _channels(inputs[GAMMA]) * inverse
            per_value = -slope * inverse * d_gamma / count
            offset = -slope * d_beta / count - per_value * mean
        if propagate_down[X]:
            dx = self._blocks(host_array(inputs[X].grad, np.float32, overwrite=not accum[X]))
            by_dy, by_none, by_x = (c.astype(np.float32) for c in (slope, offset, per_value))
            input_gradient(dy, x, by_dy, by_none, by_x, dx, accum[X])
        for place, gradient in ((BETA, d_beta), (GAMMA, d_gamma), (BIAS, d_bias)):
            if place < len(inputs) and propagate_down[place]:
                add_gradient(gradient, inputs[place], accum[place])
        if self.args["batch_stat"]:
            count_update(inputs[UPDATES])


def _channels(variable: nn.Variable) -> np.ndarray:
    return host_array(variable.data, np.float32).ravel().astype(np.float64)
