# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalization with a power-of-two scale."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels.batch_normalization import gradient_sums, moments, scale_and_shift
from nnabla_compress.quantizers.dictionaries import nearest_power_of_two


def pow2_batch_normalization(
    x: nn.Variable,
    beta: Optional[nn.Variable],
    gamma: Optional[nn.Variable],
    mean: nn.Variable,
    variance: nn.Variable,
    axes: Sequence[int] = (1,),
    decay_rate: float = 0.9,
    eps: float = 1e-5,
    batch_stat: bool = True,
    output_stat: bool = False,
) -> Union[nn.Variable, Tuple[nn.Variable, nn.Variable, nn.Variable]]:
    """Normalizes with a scale that is rounded to a power of two, so that shifts replace products.

    ::

        a = gamma / sqrt(var + eps)      s = sign(a) 2**round(log2|a|)
        y = s (x - mean) + beta

    The gradient is that of ordinary batch normalization, with ``a`` in place of ``s``
    (straight-through). With ``batch_stat`` the running mean and variance are updated as NNabla's
    ``F.batch_normalization`` does.

    Args:
        x: Input.
        beta: Shift, of size x.shape[axis] along ``axes`` and 1 elsewhere; None for 0.
        gamma: Scale, same shape; None for 1.
        mean: Running mean, same shape.
        variance: Running variance, same shape.
        axes: Axes along which statistics are kept apart.
        decay_rate: Decay rate of the running statistics, 0 to 1.
        eps: Added to the variance before its square root.
        batch_stat: Use the batch's statistics instead of the running ones.
        output_stat: Also return the batch's mean and variance.

    Returns:
        The normalized input, and with ``output_stat`` the batch's mean and variance.

    Raises:
        ConfigError: If an axis is not one of ``x``, or statistics of a batch are asked for that
            is not used.

    References:
        F. Cardinaux et al., arXiv:1911.04951 (multiplier-less batch normalization).

    Example:
        >>> import nnabla as nn, numpy as np
        >>> x = nn.Variable.from_numpy_array(np.float32([[8.0], [16.0]]))
        >>> zero, one = nn.Variable.from_numpy_array(np.zeros((1, 1))), nn.Variable((1, 1))
        >>> one.d = 3.0
        >>> y = pow2_batch_normalization(x, None, one, zero, one, batch_stat=False)
        >>> y.forward(); y.d.ravel().tolist()   # 3 / sqrt(3) rounds to 2
        [16.0, 32.0]
    """
    if not axes or not all(-x.ndim <= axis < x.ndim for axis in axes):
        raise ConfigError(
            f"pow2_batch_normalization: axes is {list(axes)}, the input has the shape {x.shape}.",
            help="give the channel axis, for instance axes=[1]",
        )
    if output_stat and not batch_stat:
        raise ConfigError(
            "pow2_batch_normalization: output_stat needs batch_stat.", help="set batch_stat=True"
        )
    axes = [axis % x.ndim for axis in axes]
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    shift = beta if beta is not None else _constant(shape, 0)
    scale = gamma if gamma is not None else _constant(shape, 1)
    args = {
        "axes": axes,
        "decay_rate": float(decay_rate),
        "eps": float(eps),
        "batch_stat": bool(batch_stat),
        "output_stat": bool(output_stat),
    }
    return Pow2BatchNormalization(args)(x, shift, scale, mean, variance)


def _constant(shape: Sequence[int], value: float) -> nn.Variable:
    return nn.Variable.from_numpy_array(np.full(shape, value, np.float32))


class Pow2BatchNormalization(ArgumentsFunction):
    """The node of :func:`pow2_batch_normalization`; inputs x, beta, gamma, mean, variance."""

    def min_outputs(self) -> int:
        return 3 if self.args["output_stat"] else 1

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)
        for output in outputs[1:]:
            output.reset_shape(inputs[3].shape, True)

    def _channels_in_the_middle(self, x: np.ndarray) -> np.ndarray:
        """The array as (outer, channels, inner); a view where there is one channel axis."""
        axes = self.args["axes"]
        if len(axes) == 1:
            axis = axes[0]
            return np.ascontiguousarray(x).reshape(
                int(np.prod(x.shape[:axis])), x.shape[axis], int(np.prod(x.shape[axis + 1 :]))
            )
        moved = np.ascontiguousarray(np.moveaxis(x, axes, range(len(axes))))
        return moved.reshape(1, int(np.prod(moved.shape[: len(axes)])), -1)

    def _back(self, x: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
        axes = self.args["axes"]
        if len(axes) == 1:
            return x.reshape(shape)
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        moved = x.reshape([shape[axis] for axis in (*axes, *rest)])
        return np.moveaxis(moved, range(len(axes)), axes)

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        x, beta, gamma, running_mean, running_variance = inputs
        values = self._channels_in_the_middle(x.d)
        if self.args["batch_stat"]:
            mean, variance = moments(values)
            decay = self.args["decay_rate"]
            count = values.shape[0] * values.shape[2]
            unbiased = variance * (count / max(count - 1, 1))
            for running, batch in ((running_mean, mean), (running_variance, unbiased)):
                running.d = decay * running.d + (1 - decay) * batch.reshape(running.shape)
        else:
            mean, variance = running_mean.d.ravel(), running_variance.d.ravel()
        self._mean = mean
        self._inverse = (1 / np.sqrt(variance.astype(np.float64) + self.args["eps"])).astype(
            np.float32
        )
        scale = nearest_power_of_two(gamma.d.ravel() * self._inverse)
        shift = (beta.d.ravel() - scale * mean).astype(np.float32)
        out = np.empty_like(values)
        scale_and_shift(values, scale, shift, out)
        outputs[0].d = self._back(out, x.shape)
        if self.args["output_stat"]:
            outputs[1].d = mean.reshape(outputs[1].shape)
            outputs[2].d = variance.reshape(outputs[2].shape)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        x, beta, gamma = inputs[:3]
        dy, values = (self._channels_in_the_middle(v) for v in (outputs[0].g, x.d))
        d_beta, d_gamma = gradient_sums(dy, values, self._mean, self._inverse)
        gradients = [None, d_beta, d_gamma]
        if propagate_down[0]:
            slope = gamma.d.ravel() * self._inverse
            dx = dy * slope[:, None]
            if self.args["batch_stat"]:
                count = values.shape[0] * values.shape[2]
                centered = values - self._mean[:, None]
                by_mean = -slope * d_beta / count
                by_variance = -slope * self._inverse * d_gamma / count
                if self.args["output_stat"]:
                    by_mean = by_mean + outputs[1].g.ravel() / count
                    by_variance = by_variance + 2 * outputs[2].g.ravel() / count
                dx = dx + by_mean[:, None] + by_variance[:, None] * centered
            gradients[0] = self._back(dx.astype(np.float32), x.shape)
        for variable, gradient, down, add in zip(
            (x, beta, gamma), gradients, propagate_down, accum
        ):
            if down:
                total = np.asarray(gradient, np.float32).reshape(variable.shape)
                variable.g = variable.g + total if add else total
