# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far two computations of the same outputs agree: arrays in, measures out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

import numpy as np

_LEAST = 1e-300
_AT_ONCE = 1 << 20  # numbers, which some copies of eight bytes each are made of
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Agreement:
    """How far outputs agree; what of it is enough, others say.

    Args:
        equal: Share of the numbers that are equal, as :func:`same_values` says, 0 to 1.
        bit_equal: Share of the numbers whose bits are equal too, signs of zeros included.
        largest: Largest absolute difference, over the largest magnitude of that output; infinite
            where shapes differ, or where numbers that are not both finite are not the same.
        root_mean_square: Root of the mean squared difference, over that of the output itself; of
            several outputs the largest; infinite likewise.
        snr: Signal-to-noise ratio ``10 log10(sum y^2 / sum (y - q)^2)`` in dB, of the numbers that
            are finite in both; 300 stands for no noise at all. NaN where shapes differ.
        same_class: Share of samples whose largest entry of the first output is the same one; None
            where a sample has one number or more than one axis.
        kl: Mean divergence ``sum p log(p / p_q)`` of the softmax of the only output, in nats; None
            where ``same_class`` is, or where there are several outputs.
    """

    equal: float
    bit_equal: float
    largest: float
    root_mean_square: float
    snr: float = float("nan")
    same_class: Optional[float] = None
    kl: Optional[float] = None


def agreement(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> Agreement:
    """Compares outputs.

    Args:
        expected: Each output of the one computation, float32, (samples, ...).
        got: Each output of the other one.

    Example:
        >>> expected, got = np.float32([[1, 2], [3, 4]]), np.float32([[1, 2], [3, 2.5]])
        >>> found = agreement([expected], [got])
        >>> found.equal, found.largest, found.same_class
        (0.75, 0.375, 0.5)
    """
    pairs = [(np.asarray(a, np.float32), np.asarray(b, np.float32)) for a, b in zip(expected, got)]
    if any(a.shape != b.shape for a, b in pairs):
        return Agreement(0.0, 0.0, np.inf, np.inf)
    numbers = equal = bit_equal = 0
    largest = root_mean_square = signal = noise = 0.0
    for a, b in pairs:
        count, energy, squares, peak, off = 0, 0.0, 0.0, 0.0, 0.0
        numbers += a.size
        for part in _parts(a.size):
            p, q = a.reshape(-1)[part], b.reshape(-1)[part]
            same, finite = same_values(p, q), np.isfinite(p) & np.isfinite(q)
            equal += np.count_nonzero(same)
            bit_equal += np.count_nonzero(_bits(p) == _bits(q))
            if not (finite | same).all():
                largest = root_mean_square = np.inf
            if not finite.any():
                continue
            x, y = p[finite].astype(np.float64), q[finite].astype(np.float64)
            np.subtract(x, y, out=y)
            count += x.size
            energy, squares = (
                energy + float(np.square(x).sum()),
                squares + float(np.square(y).sum()),
            )
            peak, off = max(peak, float(np.abs(x).max())), max(off, float(np.abs(y).max()))
        if not count:
            continue
        signal, noise = signal + energy, noise + squares
        largest = max(largest, off / max(peak, float(_TINY)))
        ratio = np.sqrt(squares / count) / max(float(np.sqrt(energy / count)), _TINY)
        root_mean_square = max(root_mean_square, float(ratio))
    share = (equal / numbers, bit_equal / numbers) if numbers else (1.0, 1.0)
    snr = decibels(signal, noise)
    classes = same_class(*pairs[0]) if pairs else None
    kl = _divergence(*pairs[0]) if classes is not None and len(pairs) == 1 else None
    return Agreement(*share, largest, root_mean_square, snr, classes, kl)


def same_values(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Returns which numbers of two arrays are equal: what "value for value" means everywhere.

    +0 and -0 are one value, and so are all NaN. A sum of products that starts with the first
    product is -0 where all of them are; one that starts with 0 is +0.

    Args:
        expected: The one array.
        got: The other one, of the same shape.

    Example:
        >>> same_values(np.float32([0.0, np.nan, np.inf]), np.float32([-0.0, np.nan, -np.inf]))
        array([ True,  True, False])
    """
    return np.asarray((expected == got) | (np.isnan(expected) & np.isnan(got)))


def decibels(signal: float, noise: float) -> float:
    """Returns ``10 log10(signal / noise)``, between -300 and 300.

    Args:
        signal: Energy of the signal, 0 or more.
        noise: Energy of the noise, 0 or more.

    Example:
        >>> decibels(100.0, 1.0), decibels(1.0, 0.0)
        (20.0, 300.0)
    """
    return float(np.clip(10 * np.log10(max(signal, _LEAST) / max(noise, _LEAST)), -300, 300))


def same_class(expected: np.ndarray, got: np.ndarray) -> Optional[float]:
    """Compares the classes that two computations of an output choose.

    Args:
        expected: The one, (samples, ...).
        got: The other one, of the same shape.

    Returns:
        Share of samples whose largest entry is the same one, 0 to 1; None where there is no
        sample, or a sample has one number or more than one axis.

    Example:
        >>> same_class(np.float32([[1, 2], [3, 4]]), np.float32([[1, 2], [3, 2.5]]))
        0.5
    """
    if expected.ndim != 2 or expected.shape[1] < 2 or not len(expected):
        return None
    return float(np.mean(expected.argmax(axis=1) == got.argmax(axis=1)))


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.int32)


def _divergence(expected: np.ndarray, got: np.ndarray) -> float:
    """The mean divergence of rows of scores; NaN where they are not finite."""
    found, step = np.empty(len(expected)), max(1, _AT_ONCE // expected.shape[1])
    for start in range(0, len(expected), step):
        rows = slice(start, start + step)
        with np.errstate(invalid="ignore"):
            log_p, log_q = _log_softmax(expected[rows]), _log_softmax(got[rows])
            np.subtract(log_p, log_q, out=log_q)
            found[rows] = np.multiply(np.exp(log_p, out=log_p), log_q, out=log_q).sum(axis=1)
    return float(found.mean())


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    y = scores.astype(np.float64)
    top = y.max(axis=1, keepdims=True)
    y -= top + np.log(np.exp(y - top).sum(axis=1, keepdims=True))
    return y


def _parts(size: int) -> List[slice]:
    return [slice(start, start + _AT_ONCE) for start in range(0, size, _AT_ONCE)]
