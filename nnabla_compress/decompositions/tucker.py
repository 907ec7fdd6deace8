# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution between few channels, and 1x1 convolutions to it and from it (Tucker-2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nnabla_compress.decompositions.ranks import check_rank

_ROUNDS = 10
_SETTLED = 1e-5  # of the core's energy


class Tucker2(NamedTuple):
    """Factors of a Tucker-2 decomposition.

    Args:
        first: From the inputs to the core, (r_in, I).
        core: Of shape (r_out, r_in, ...).
        last: From the core to the outputs, (O, r_out).
    """

    first: np.ndarray
    core: np.ndarray
    last: np.ndarray


def mode_values(weight: np.ndarray, axis: int) -> np.ndarray:
    """Returns the singular values of a weight unfolded along an axis, largest first.

    They come from the Gram matrix in float64, whose rounding moves a value s by up to about
    ``1e-16 s_1^2 / s``: values below 1e-8 of the largest are noise, which is less than the rounding
    of a float32 weight, 6e-8.

    Args:
        weight: Of shape (O, I, ...).
        axis: 0 or 1.
    """
    return np.sqrt(np.maximum(np.linalg.eigvalsh(_gram(weight, axis))[::-1], 0))


def tucker2(weight: np.ndarray, inputs: int, outputs: int, rounds: int = _ROUNDS) -> Tucker2:
    r"""Returns two matrices and a small kernel between them that stand for a kernel.

    ::

        W[o, i] = sum_{a, b} last[o, a] core[a, b] first[b, i]

    The matrices start as leading singular vectors of both unfoldings (HOSVD), whose squared error
    is at most the sum of what both cut off; rounds of the best matrix for the other one (HOOI) make
    it smaller. ``I r_in + r_in r_out K K + O r_out`` weights stand for ``O I K K``.

    Args:
        weight: Of shape (O, I, ...).
        inputs: Rank of the inputs, 1 to I.
        outputs: Rank of the outputs, 1 to O.
        rounds: Most rounds of HOOI; 0: HOSVD.

    Returns:
        The factors. Rows of ``first`` and columns of ``last`` are orthonormal.

    Raises:
        ConfigError: If a rank is out of range.

    References:
        L. De Lathauwer et al., On the best rank-1 and rank-(R1, ..., RN) approximation, 2000;
        Y.-D. Kim et al., Compression of deep CNNs for fast and low power mobile applications,
        arXiv:1511.06530.

    Example:
        >>> weight = np.random.RandomState(1).randn(4, 3, 3, 3)
        >>> hosvd, best = tucker2(weight, 2, 2, rounds=0), tucker2(weight, 2, 2)
        >>> [round(float(np.square(weight - tucker2_weight(t)).sum()), 3) for t in (hosvd, best)]
        [38.658, 36.547]
    """
    check_rank(inputs, weight.shape[1], "the rank of the inputs")
    check_rank(outputs, weight.shape[0], "the rank of the outputs")
    w = np.asarray(weight, np.float64)
    left, right = _leading(w, 0, outputs), _leading(w, 1, inputs)
    energy = -1.0
    for _ in range(rounds):
        left = _leading(_times(w, right, 1), 0, outputs)
        narrow = _times(w, left, 0)
        right = _leading(narrow, 1, inputs)
        found = float(np.square(_times(narrow, right, 1)).sum())
        if found - energy <= _SETTLED * found:
            break
        energy = found
    return Tucker2(right.T, _times(_times(w, left, 0), right, 1), left)


def tucker2_weight(factors: Tucker2) -> np.ndarray:
    """Returns the kernel that factors stand for.

    Args:
        factors: As :func:`tucker2` returns them.
    """
    return _times(_times(factors.core, factors.last.T, 0), factors.first, 1)


def _gram(weight: np.ndarray, axis: int) -> np.ndarray:
    unfolded = np.moveaxis(np.asarray(weight, np.float64), axis, 0).reshape(weight.shape[axis], -1)
    return unfolded @ unfolded.T


def _leading(weight: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """The leading singular vectors of an unfolding, as columns."""
    return np.asarray(np.linalg.eigh(_gram(weight, axis))[1][:, ::-1][:, :rank])


def _times(weight: np.ndarray, matrix: np.ndarray, axis: int) -> np.ndarray:
    """The weight with one axis multiplied by the columns of a matrix."""
    return np.moveaxis(np.tensordot(matrix.T, weight, (1, axis)), 0, axis)
