# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""WaveQ: the period of the sine, and so the bits of a layer, is learned.

With a layer's n weights divided by their largest magnitude c, and a number beta of its own::

    R(w; beta) = 2**(-form beta) 1/n sum_j sin(pi (2**beta - 1) w_j / c)**2

has its minima at the levels of beta + 1 stored bits, at multiples of ``c / (2**beta - 1)``
(mid-tread); with ``2**beta - 1/2``, and the sine shifted by half a period, at those of as many
bits without a level at 0 (mid-rise). With u the argument of the sine the derivatives are::

    dR/dw_j  = pi (2**beta - 1) / (n c 2**(form beta)) sin(2 u_j)
    dR/dbeta = ln2 / 2**(form beta) mean(2**beta pi w_j / c sin(2 u_j) - form sin(u_j)**2)

c is a constant in the gradient. ``form`` 1 is the one that the authors used: without the
denominator (0) beta hardly moves from where it starts, with its square (2) nothing holds it where
a penalty for bits pulls.

A. T. Elthakeb et al., WaveQ: Gradient-based deep quantization of neural networks through sinusoidal
adaptive regularization, arXiv:2003.00146.
"""

from __future__ import annotations

import math
from typing import Callable, List, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.engine import add_gradient, host_array
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.regularizers.sine_penalty import (
    SineNode,
    add_mean_gradient,
    distances,
)
from nnabla_compress.spelling import did_you_mean

FORMS = (0, 1, 2)
LEVELS = {"mid-tread": 0.0, "mid-rise": 0.5}


class WavePenalty(SineNode):
    """The penalty as a node of the graph, from a weight and its beta of shape (1,).

    Args:
        offset: 0 for mid-tread levels, 1/2 for mid-rise ones.
        squeezed: Whether weights pass ``tanh`` before they are divided by their largest magnitude.
        form: The power of 2**beta that the mean is divided by: 0, 1 or 2.
    """

    _sums: Tuple[float, float] = (0.0, 0.0)  # of the last forward pass

    def __init__(self, offset: float, squeezed: bool = False, form: int = 1) -> None:
        super().__init__()
        self.offset, self.squeezed, self.form = offset, squeezed, form
        self.settled: Optional[Callable[[], LevelGrid]] = None
        """Returns the levels once they no longer depend on beta; None while they do."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        x, beta = host_array(inputs[0].data, np.float32), _number(inputs[1].data)
        value, self._used, self._sums = self._penalty(x, beta)
        host_array(outputs[0].data, np.float32, overwrite=True)[...] = value

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        assert self._used is not None
        dy, beta = _number(outputs[0].grad), _number(inputs[1].data)
        factor = dy * self._divided(beta)
        if propagate_down[0]:
            add_mean_gradient(inputs[0], self._used, factor, accum[0])
        if propagate_down[1]:
            slope = 0.0 if self.settled else self._slope(beta, self._sums) / max(inputs[0].size, 1)
            add_gradient(np.full(1, factor * slope, np.float32), inputs[1], accum[1])

    def value(self, weight: nn.Variable, beta: nn.Variable) -> float:
        """Returns the penalty as it is now.

        Args:
            weight: The first input.
            beta: The second one.
        """
        return self._penalty(host_array(weight.data, np.float32), _number(beta.data))[0]

    def wave(self, x: np.ndarray, beta: float) -> LevelGrid:
        """Returns the levels of a beta, without an end.

        Args:
            x: The weights.
            beta: Stored bits less one.
        """
        size = float(np.abs(x).max()) if x.size else 0.0
        squeeze = (math.tanh(size) or 1.0) if self.squeezed else None
        scale = 1.0 if self.squeezed else size or 1.0
        end = np.full(1, np.inf)
        return LevelGrid(
            np.full(1, scale / self._periods(beta)), -end, end, self.offset, squeeze=squeeze
        )

    def _penalty(self, x: np.ndarray, beta: float) -> Tuple[float, LevelGrid, Tuple[float, float]]:
        grid = self.settled() if self.settled else self.wave(x, beta)
        sums = distances(x, grid)
        return sums[0] / max(x.size, 1) * self._divided(beta), grid, sums

    def _divided(self, beta: float) -> float:
        """What the mean is multiplied by: nothing, once there is no period to be learned."""
        return 1.0 if self.settled else 2.0 ** (-self.form * beta)

    def _periods(self, beta: float) -> float:
        """Periods of the sine from 0 to the largest weight."""
        return 2.0**beta - (1 - self.offset)

    def _slope(self, beta: float, sums: Tuple[float, float]) -> float:
        """The derivative of the sum by beta, times 2**(form beta)."""
        sines, slopes = sums
        by_place = 2.0**beta * math.log(2) / self._periods(beta)
        return by_place * slopes - self.form * math.log(2) * sines


def waveq(
    w: nn.Variable, beta: nn.Variable, levels: str = "mid-tread", form: int = 1
) -> nn.Variable:
    """Returns the WaveQ penalty of a weight, with gradients for the weight and for its bits.

    ``2**(-form beta) 1/n sum_j sin(pi (2**beta - 1) w_j / max|w|)**2``

    A loss takes the sum over its layers, times a strength, and ``strength * sum(beta)`` to make
    the bits few. Keep beta from 1 to 8 after each update of its solver: pulled below, it collapses.

    Args:
        w: The weight, of any shape.
        beta: Stored bits of the layer less one, shape (1,), from 1 to 8.
        levels: ``"mid-tread"``: 0 is a level. ``"mid-rise"``: it lies between two.
        form: The power of 2**beta that the mean is divided by: 0, 1 or 2.

    Returns:
        The penalty, of shape ().

    Raises:
        ConfigError: If ``levels`` or ``form`` is none of these, or beta has another shape.

    References:
        A. T. Elthakeb et al., arXiv:2003.00146.

    Example:
        >>> w = nn.Variable.from_numpy_array(np.float32([1, 0.4, 0.1, -0.05, -0.7]))
        >>> beta = nn.Variable.from_numpy_array(np.float32([2.5]), need_grad=True)
        >>> penalty = waveq(w, beta)
        >>> beta.grad.zero(); penalty.forward(); penalty.backward()
        >>> round(float(penalty.d), 6), round(float(beta.g[0]), 6)
        (0.103106, -0.231548)
    """
    if levels not in LEVELS:
        raise ConfigError(f"waveq: levels is {levels!r}.", help=did_you_mean(levels, LEVELS))
    if form not in FORMS:
        raise ConfigError(f"waveq: form is {form!r}.", help="choose 0, 1 or 2; 1 is the usual one")
    if tuple(beta.shape) != (1,):
        raise ConfigError(
            f"waveq: beta has the shape {tuple(beta.shape)}.", help="give one number, shape (1,)"
        )
    return WavePenalty(LEVELS[levels], form=form)(w, beta)


def _number(values: nn.NdArray) -> float:
    return float(host_array(values, np.float32).reshape(-1)[0])
