# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Learned rounding (AdaRound): each weight up or down, so that its layer computes what it did.

The nearest value of each weight is not the best of the layer: errors of weights whose inputs go
together can cancel. With W the float weights of an output channel, x the inputs that the layer gets
in the quantized network and y what it computed in the float one, the roundings minimize::

    E[(y - b' - W' x)^2]        W' = lower + h (upper - lower)

over h, which is 0 or 1 in the end (see :mod:`nnabla_compress.kernels.learned_rounding`), and over
the bias b' where the layer has one, which amounts to taking the means off x and y. The values next
to W are neighbouring codes times a scale, or neighbouring entries of a table. The expectation
is over calibration samples and positions of the map. It is a quadratic form: with u = W' - W::

    u G u^T - 2 u r^T + constant        G = Cov(x, x),  r = Cov(y - W x, x)

so the samples are needed once, for G and r, and each of Adam's steps sees all of them. When the
roundings are decided, flips of single ones that still lower the error are made, best first.

M. Nagel et al., Up or down? Adaptive rounding for post-training quantization, ICML 2020,
arXiv:2004.10568.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, List, Optional, Tuple

import numpy as np

from nnabla_compress.analysis.patches import Patches
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels import learned_rounding as kernel

# Variance of an input, beside its squared mean, up to which it counts as constant.
_CONSTANT = 1e-6
# Part of means below which a slope is what float32 sums are rounded by.
_ROUNDED = 1e-6
# Inputs up to which all pairs are worked on at once, and what is taken of more, in float64: where
# errors are found, and where the pairs are, of which there are two copies.
_WHOLE, _WIDTH, _OF_PAIRS = 2560, 768, 384
# Weights that are worked on at once, and what their outputs are a multiple of.
_WEIGHTS, _TOGETHER = 1 << 20, 16


@dataclass(frozen=True)
class RoundingSettings:
    """How roundings are learned.

    Args:
        steps: Steps of Adam; 0 for the flips alone.
        learning_rate: Its learning rate.
        strength: Of the regularizer that decides the roundings, beside an error of 1 for each
            weight at nearest rounding.
        warm_up: Part of the steps without the regularizer.
        beta: Its exponent at first and in the end.
        positions: Positions of the map, of all samples together, that a layer learns from.
        table_rounds: How often a dictionary is fitted to its assignments, and these to it, at most.
        fine_bits: Bits of a weight from which there are flips alone: little is to be gained there.

    Raises:
        ConfigError: If a number is out of range.
    """

    steps: int = 500
    learning_rate: float = 0.03
    strength: float = 3.0
    warm_up: float = 0.2
    beta: Tuple[float, float] = (20.0, 2.0)
    positions: int = 16384
    table_rounds: int = 20
    fine_bits: int = 8

    def __post_init__(self) -> None:
        at_least = {
            "steps": 0,
            "positions": 1,
            "learning_rate": 0,
            "strength": 0,
            "table_rounds": 0,
            "fine_bits": 0,
        }
        for name, least in at_least.items():
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, (int, float)) or number < least:
                raise ConfigError(
                    f"learned rounding: {name} is {number!r}.", help=f"give at least {least}"
                )


@dataclass(frozen=True)
class Moments:
    """What the samples tell of a layer.

    Args:
        gram: G, (groups, row, row), float32.
        slope: r, (groups, outputs, row), float32.
        mean_x: Mean patch, (groups, row), float64.
        mean_y: Mean output, (groups, outputs), float64.
    """

    gram: np.ndarray
    slope: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray

    def of(self, outputs: Any) -> Moments:
        """Returns the moments of some outputs: a slice of them, or a mask."""
        return replace(self, slope=self.slope[:, outputs], mean_y=self.mean_y[:, outputs])


def moments(rows: np.ndarray, found: Patches, centred: bool) -> Moments:
    """Returns the moments of a layer's patches and outputs.

    Args:
        rows: The float weights, (groups, outputs, row).
        found: Patches and outputs, as of :func:`~nnabla_compress.analysis.patches.patches`.
        centred: Whether a bias takes up the means.
    """
    groups, outputs, row = rows.shape
    slope = np.zeros((groups, outputs, row))
    x_sum, y_sum, count = np.zeros((groups, row)), np.zeros((groups, outputs)), 0
    blocks = _blocks(rows)
    for x, y in found:
        x, y = np.ascontiguousarray(x.transpose(1, 0, 2)), y.transpose(1, 2, 0)
        for block in blocks:
            slope[:, block] += y[:, block] @ x
        x_sum += x.sum(axis=1, dtype=np.float64)
        y_sum += y.sum(axis=2, dtype=np.float64)
        count += x.shape[1]
    mean_x, mean_y = x_sum / count, y_sum / count
    slope /= count
    for block in blocks if centred else ():
        slope[:, block] -= mean_y[:, block, None] * mean_x[:, None, :]
    gram, variance = np.empty((groups, row, row), np.float32), np.empty((groups, row))
    for part in _parts(row, _OF_PAIRS):
        xx = np.zeros((groups, row, part.stop - part.start))
        for x in found.inputs():
            x = np.ascontiguousarray(x.transpose(1, 0, 2))
            xx += x.transpose(0, 2, 1) @ x[:, :, part]
        xx /= count
        if centred:
            for start in range(0, row, _OF_PAIRS):
                inputs = slice(start, start + _OF_PAIRS)
                xx[:, inputs] -= mean_x[:, inputs, None] * mean_x[:, None, part]
        for block in blocks:
            slope[:, block, part] -= rows[:, block].astype(np.float64) @ xx
        variance[:, part] = np.einsum("gii->gi", xx[:, part])
        gram[:, :, part] = xx
    # What is left of an input that never varies is rounding: it must not choose anything.
    still = variance <= _CONSTANT * np.square(mean_x)
    for own, constant in zip(gram, still):
        own[constant] = 0
        own[:, constant] = 0
    slope[np.broadcast_to(still[:, None, :], slope.shape)] = 0
    return Moments(gram, slope.astype(np.float32), mean_x, mean_y)


def _parts(row: int, width: int) -> List[slice]:
    """The columns of a matrix of all pairs of inputs that are worked on together, in float64."""
    width = row if row <= _WHOLE else width
    return [slice(start, min(start + width, row)) for start in range(0, row, width)]


def _blocks(rows: np.ndarray) -> List[slice]:
    """The outputs of a layer that are worked on together: all, but for large layers."""
    outputs = most = rows.shape[1]
    if rows.size > _WEIGHTS:
        most = max(_WEIGHTS * outputs // rows.size // _TOGETHER, 1) * _TOGETHER
    return [slice(start, min(start + most, outputs)) for start in range(0, outputs, most)]


def products(differences: np.ndarray, found: Moments) -> np.ndarray:
    """Returns rows times G, float64.

    Args:
        differences: What weights are off, (groups, outputs, row).
        found: Moments of the samples.
    """
    u = differences.astype(np.float64)
    parts = _parts(u.shape[2], _WIDTH)
    if len(parts) == 1:
        whole: np.ndarray = u @ found.gram
        return whole
    made = np.empty(u.shape)
    for part in parts:
        made[:, :, part] = u @ found.gram[:, :, part]
    return made


def learn(
    rows: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    found: Moments,
    settings: RoundingSettings,
    out: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Returns a value for each weight, with which its layer computes more of what it did.

    Args:
        rows: The float weights, (groups, outputs, row).
        lower: What each may be rounded down to, in the shape of ``rows``.
        upper: What each may be rounded up to, likewise.
        found: Moments of the samples.
        settings: How to learn.
        out: Where the values are put; may be ``lower`` or ``upper``. By default a new array.

    Returns:
        Lower and upper values, float32 in the shape of ``rows``.
    """
    values = np.empty(rows.shape, np.float32) if out is None else out
    for block in _blocks(rows):
        of_block = found.of(block)
        given, low, high = rows[:, block], lower[:, block], upper[:, block]
        nearest = _nearest(given, low, high)
        rounded = np.where(nearest, high, low)
        wrong = _wrong(rounded - given, of_block)
        if wrong.any():
            some: Any = slice(None) if wrong.all() else wrong
            rounded[:, some] = _learned_values(
                given[:, some],
                low[:, some],
                high[:, some],
                nearest[:, some],
                of_block.of(some),
                settings,
            )
        values[:, block] = rounded
    return values


def nothing_to_learn(values: np.ndarray, rows: np.ndarray, found: Moments) -> bool:
    """Returns whether a layer computes with some values what it did, so that none can be better.

    Args:
        values: What the weights become, (groups, outputs, row).
        rows: The float weights.
        found: Moments of the samples.
    """
    return not any(
        _wrong(values[:, block] - rows[:, block], found.of(block)).any() for block in _blocks(rows)
    )


def _nearest(rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Whether each weight is rounded up to what is nearest."""
    beyond = rows - lower - (upper - lower) / 2
    nearest: np.ndarray = (beyond > 0) | ((beyond == 0) & (rows > 0))
    return nearest


def _wrong(differences: np.ndarray, found: Moments) -> np.ndarray:
    """Which outputs, of any group, are off by more than what sums are rounded by."""
    size = np.abs(found.mean_x) + np.sqrt(np.einsum("gii->gi", found.gram))
    least = _ROUNDED * np.abs(found.mean_y)[..., None] * size[:, None]
    wrong: np.ndarray = ((differences != 0) | (np.abs(found.slope) > least)).any(axis=(0, 2))
    return wrong


def _learned_values(
    rows: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    nearest: np.ndarray,
    found: Moments,
    settings: RoundingSettings,
) -> np.ndarray:
    best = nearest
    if settings.steps:
        candidates = [nearest, _learned(rows, lower, upper, nearest, found, settings)]
        found_errors = [errors(np.where(up, upper, lower), rows, found) for up in candidates]
        best = np.choose(np.argmin(found_errors, axis=0)[..., None], candidates).astype(np.bool_)
    _flip(best, upper - lower, np.where(best, upper, lower) - rows, found)
    return np.where(best, upper, lower)


def _learned(
    rows: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    nearest: np.ndarray,
    found: Moments,
    settings: RoundingSettings,
) -> np.ndarray:
    """Whether each weight is rounded up, as Adam finds it."""
    shape = rows.shape
    state = kernel.start(*(np.ravel(a) for a in (rows, lower, upper)))
    start = np.where(nearest, upper, lower) - rows
    noise = np.einsum("gij,gij->gi", start @ found.gram, start, dtype=np.float64)
    factor = (2 * shape[2] / np.maximum(noise, 1e-30))[..., None].astype(np.float32)
    difference = np.empty(rows.size, np.float32)
    kernel.step(state, difference, 0, 0.0, 0.0, 1.0, difference)
    warm = int(settings.warm_up * settings.steps)
    first, last = settings.beta
    for number in range(1, settings.steps + 1):
        u = difference.reshape(shape)
        gradient = (u @ found.gram - found.slope) * factor
        done = (number - warm) / max(settings.steps - warm, 1)
        strength = settings.strength if number > warm else 0.0
        beta = last + (first - last) * max(0.0, 1 - done)
        kernel.step(
            state, gradient.ravel(), number, settings.learning_rate, strength, beta, difference
        )
    up: np.ndarray = state.v.reshape(shape) >= 0
    return up


def errors(values: np.ndarray, rows: np.ndarray, found: Moments) -> np.ndarray:
    """Returns the error of each output, up to what does not depend on the values.

    Args:
        values: What the weights become, (groups, outputs, row).
        rows: The float weights.
        found: Moments of the samples.
    """
    slopes = products(values - rows, found)
    for part in _parts(rows.shape[2], _WIDTH):
        slopes[:, :, part] -= 2 * found.slope[:, :, part].astype(np.float64)
    error: np.ndarray = np.einsum("gij,gij->gi", slopes, (values - rows).astype(np.float64))
    return error


def _flip(up: np.ndarray, gap: np.ndarray, difference: np.ndarray, found: Moments) -> None:
    """Makes single flips that lower the error, in place."""
    slopes = products(difference, found)
    slopes -= found.slope
    for group in range(len(up)):
        kernel.descend(up[group], gap[group], found.gram[group], slopes[group], 4)
