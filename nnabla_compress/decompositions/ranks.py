# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ranks by the energy of singular values, and the error that a rank leaves."""

from __future__ import annotations

import numpy as np

from nnabla_compress.errors import ConfigError


def check_rank(rank: int, largest: int, what: str = "the rank") -> None:
    """Refuses a rank that a decomposition can't have.

    Args:
        rank: The rank.
        largest: The largest possible.
        what: What messages call it.

    Raises:
        ConfigError: If it is below 1 or above the largest.
    """
    if not 1 <= rank <= largest:
        raise ConfigError(
            f"{what} is {rank}, which is out of range.", help=f"choose one from 1 to {largest}"
        )


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """Returns the singular values of a matrix, largest first.

    Args:
        matrix: Of shape (m, n).

    Example:
        >>> singular_values(np.array([[3.0, 0], [4, 5], [0, 0]])).round(6).tolist()
        [6.708204, 2.236068]
    """
    values: np.ndarray = np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False)
    return values


def tails(values: np.ndarray) -> np.ndarray:
    """Returns the energy that is left out at each rank: ``sum_{i>r} s_i^2`` for r = 0 to all.

    Args:
        values: Singular values, largest first.

    Example:
        >>> tails(np.array([3.0, 2, 1])).tolist()
        [14.0, 5.0, 1.0, 0.0]
    """
    energy = np.square(np.asarray(values, np.float64))
    return np.append(np.cumsum(energy[::-1])[::-1], 0.0)


def rank_of_energy(values: np.ndarray, energy: float) -> int:
    """Returns the smallest rank that keeps a part of the energy.

    Args:
        values: Singular values, largest first.
        energy: The part of ``sum s_i^2``, above 0 and at most 1.

    Example:
        >>> rank_of_energy(np.array([3.0, 2, 1]), 0.9), rank_of_energy(np.array([3.0, 2, 1]), 1)
        (2, 3)
    """
    left = tails(values)
    # Rounding must not ask for directions that hold nothing.
    enough = left <= (1 - energy) * left[0] + 1e-12 * left[0]
    return max(1, int(np.argmax(enough)))
