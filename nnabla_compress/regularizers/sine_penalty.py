# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The mean distance of a tensor's elements from levels at equal distances, as a squared sine.

With n elements and levels ``(i + offset) step``::

    R = 1/n sum_j sin(pi (x_j / step - offset))**2
    dR/dx_j = pi / (n step) sin(2 pi (x_j / step - offset))

R is exactly 0 where all elements lie on levels, and has its largest slope a quarter step beside
them. Outside the outermost levels it goes on along this slope: see
:mod:`nnabla_compress.kernels.sine`. Step and levels are constants in the gradient.

The kernel runs on the host: where a network is trained on another device, its weights pass through
host memory in every update.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import nnabla as nn
import numpy as np
from nnabla.function import PythonFunction

from nnabla_compress.kernels import sine
from nnabla_compress.quantizers.base import NODE_PREFIX
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.level_grid import LevelGrid


class SineNode(PythonFunction):
    """A node of shape () from the elements of a tensor, its first input."""

    _used: Optional[LevelGrid] = None  # in the last forward pass

    def __init__(self) -> None:
        super().__init__(nn.get_current_context())

    @property
    def name(self) -> str:
        return f"{NODE_PREFIX}{type(self).__name__}"

    @property
    def args(self) -> Dict[str, Any]:
        return {}

    def min_outputs(self) -> int:
        return 1

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape((), True)

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True


class SinePenalty(SineNode):
    """The penalty as a node of the graph.

    Args:
        grid: Called in each forward pass; returns the levels.
    """

    def __init__(self, grid: Callable[[], LevelGrid]) -> None:
        super().__init__()
        self.grid = grid

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        self._used = self.grid()
        x = host_array(inputs[0].data, np.float32)
        host_array(outputs[0].data, np.float32, overwrite=True)[...] = mean_distance(x, self._used)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        assert self._used is not None
        if propagate_down[0]:
            factor = float(host_array(outputs[0].grad, np.float32))
            add_mean_gradient(inputs[0], self._used, factor, accum[0])


def sine_penalty(x: nn.Variable, grid: LevelGrid) -> nn.Variable:
    """Returns the mean squared sine of the distances of a tensor's elements from fixed levels.

    ``1/n sum_j sin(pi (x_j / step - offset))**2``; for the levels that the quantizers of a network
    have, see :func:`~nnabla_compress.regularizers.sinreq`.

    Args:
        x: The tensor, a weight for instance, of any shape.
        grid: The levels.

    Returns:
        The penalty, of shape (), from 0 to 1 within the levels.

    References:
        A. T. Elthakeb et al., SinReQ: Generalized sinusoidal regularization for low-bitwidth deep
        quantized training, arXiv:1905.01416.

    Example:
        >>> from nnabla_compress.quantizers import LevelGrid
        >>> w = nn.Variable.from_numpy_array(np.float32([0.9, 0.4, 0.1, -0.05, -0.7]))
        >>> penalty = sine_penalty(w, LevelGrid.of_bits(3, "mid-tread"))
        >>> penalty.forward()
        >>> round(float(penalty.d), 6)
        0.391222
    """
    return SinePenalty(lambda: grid)(x)


def distances(x: np.ndarray, grid: LevelGrid) -> Tuple[float, float]:
    """Returns the sum of the distances of a tensor, and that of their slopes times the places.

    Args:
        x: float32 or float64.
        grid: The levels.
    """
    found = sine.penalty(_rows(_rounded(x, grid), grid.axis), *_levels(grid))
    return float(found[0].sum()), float(found[1].sum())


def mean_distance(x: np.ndarray, grid: LevelGrid) -> float:
    """Returns the penalty of a tensor.

    Args:
        x: float32 or float64.
        grid: The levels.
    """
    return distances(x, grid)[0] / max(x.size, 1)


def mean_steps(x: np.ndarray, grid: LevelGrid) -> float:
    """Returns the mean distance of a tensor's elements from their levels, in steps.

    Args:
        x: float32 or float64.
        grid: The levels.

    Example:
        >>> round(mean_steps(np.float32([0, 0.2, 0.9, 2]), LevelGrid.of_bits(2, "mid-tread")), 3)
        0.325
    """
    step, offset, first, last = _levels(grid)
    places = _rows(_rounded(x, grid), grid.axis) / step[:, None] - offset
    levels = np.clip(np.floor(places + 0.5), first[:, None], last[:, None])
    return float(np.abs(places - levels).mean()) if x.size else 0.0


def add_mean_gradient(x: nn.Variable, grid: LevelGrid, factor: float, accumulate: bool) -> None:
    """Writes the gradient of a multiple of the penalty to a Variable, or adds it.

    Args:
        x: The tensor.
        grid: The levels.
        factor: What the penalty is multiplied by.
        accumulate: Whether to add.
    """
    values = host_array(x.data, np.float32)
    target = host_array(x.grad, np.float32, overwrite=not accumulate)
    gradient(values, grid, factor / max(values.size, 1), target, accumulate)


def gradient(
    x: np.ndarray, grid: LevelGrid, factor: float, out: np.ndarray, accumulate: bool = False
) -> None:
    """Writes the derivatives of a multiple of the sum of the distances, or adds them.

    Args:
        x: float32 or float64.
        grid: The levels.
        factor: What the sum is multiplied by.
        out: Of the type and shape of ``x``.
        accumulate: Whether to add.
    """
    if grid.squeeze is None and grid.axis in (None, 0):
        rows, result = _rows(x, grid.axis), _rows(out, grid.axis)
        sine.gradient(rows, *_levels(grid), factor, result, accumulate)
        return
    z, slope = x, None
    if grid.squeeze is not None:
        squeezed = np.tanh(x)
        slope = (1 - squeezed * squeezed) / x.dtype.type(grid.squeeze)
        z = squeezed / x.dtype.type(grid.squeeze)
    rows = _rows(z, grid.axis)
    result = np.empty_like(rows)
    sine.gradient(rows, *_levels(grid), factor, result, False)
    if grid.axis is None:
        found = result.reshape(x.shape)
    else:
        moved = np.moveaxis(x, grid.axis, 0).shape
        found = np.moveaxis(result.reshape(moved), 0, grid.axis)
    if slope is not None:
        found = found * slope
    out[...] = out + found if accumulate else found


def _rounded(x: np.ndarray, grid: LevelGrid) -> np.ndarray:
    """What is rounded to the levels."""
    return x if grid.squeeze is None else np.tanh(x) / x.dtype.type(grid.squeeze)


def _rows(x: np.ndarray, axis: Optional[int]) -> np.ndarray:
    """The tensor with its channels first, shape (channels, n): a view where that is possible."""
    if axis is None:
        return x.reshape(1, -1)
    return np.ascontiguousarray(np.moveaxis(x, axis, 0)).reshape(x.shape[axis], -1)


def _levels(grid: LevelGrid) -> Tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    step, first, last = (np.asarray(v, np.float64) for v in (grid.step, grid.first, grid.last))
    return step, float(grid.offset), first, last
