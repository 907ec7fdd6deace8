# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A tensor of three axes as a sum of outer products (CP), as NNabla's compact layer has it."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.decompositions.ranks import check_rank

_LIMIT = 10.0  # times the tensor: components beyond it cancel each other
_FIRST, _TIMES = 1e-9, 100.0


class Cp3(NamedTuple):
    """A CP decomposition.

    Args:
        factors: One matrix an axis, (size, rank); a component's scale is spread over them.
        error: What is missing, as a part of the tensor: ``|X - X'| / |X|``.
        seed: The one of the seeds that led to it.
    """

    factors: List[np.ndarray]
    error: float
    seed: int


def cp3(
    tensor: np.ndarray,
    rank: int,
    seeds: Sequence[int] = (0, 1, 2),
    iterations: int = 200,
    settled: float = 1e-6,
) -> Cp3:
    r"""Returns the best sum of outer products that alternating least squares finds.

    ::

        X[o, i, k] = sum_r O[o, r] I[i, r] K[k, r]

    Each matrix in turn is solved for, with a small ridge. Large components that cancel each other
    (a degenerate sum, which converges to nothing) are not taken: beyond ten times the tensor the
    ridge is raised and the seed begins anew.

    Args:
        tensor: Of shape (O, I, K).
        rank: From 1 to the least product of two of the sizes, where every tensor is met.
        seeds: Each begins with other random matrices; the best result is kept.
        iterations: Most rounds of the three matrices.
        settled: Change of the error that ends them.

    Returns:
        The matrices, float64.

    Raises:
        ConfigError: If the rank is out of range.

    References:
        V. Lebedev et al., Speeding-up convolutional neural networks using fine-tuned
        CP-decomposition, arXiv:1412.6553.

    Example:
        >>> o, i, k = (np.random.RandomState(s).randn(n, 2) for s, n in enumerate((5, 4, 9)))
        >>> round(cp3(np.einsum("or,ir,kr->oik", o, i, k), 2).error, 4)
        0.0
    """
    x = np.asarray(tensor, np.float64)
    a, b, c = x.shape
    check_rank(rank, min(a * b, a * c, b * c))
    scale = np.linalg.norm(x)
    if not scale > 0:
        return Cp3([np.zeros((size, rank)) for size in x.shape], 0.0, seeds[0])
    best: Optional[Cp3] = None
    for seed in seeds:
        found = _bounded(x / scale, rank, seed, iterations, settled)
        if best is None or found.error < best.error:
            best = found
    assert best is not None
    return best._replace(factors=_even([best.factors[0] * scale, *best.factors[1:]]))


def cp3_tensor(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the tensor that three matrices stand for.

    Args:
        factors: Matrices (size, rank), one an axis.
    """
    o, i, k = factors
    return np.asarray(
        (o @ (i[:, None] * k[None]).reshape(-1, o.shape[1]).T).reshape(len(o), len(i), len(k))
    )


def _bounded(x: np.ndarray, rank: int, seed: int, iterations: int, settled: float) -> Cp3:
    """The result of one seed whose components are no larger than the limit."""
    ridge = _FIRST
    while True:
        factors, error = _solve(x, rank, seed, iterations, settled, ridge)
        if _sizes(factors).max() <= _LIMIT or ridge > 1:
            return Cp3(factors, error, seed)
        ridge *= _TIMES


def _solve(
    x: np.ndarray, rank: int, seed: int, iterations: int, settled: float, ridge: float
) -> Tuple[List[np.ndarray], float]:
    rng = np.random.RandomState(seed)
    factors = [rng.randn(size, rank) for size in x.shape]
    unfolded = [np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1) for axis in range(3)]
    error = 2.0  # of a tensor of size 1
    for _ in range(iterations):
        for axis in range(3):
            p, q = (factors[other] for other in range(3) if other != axis)
            gram = (p.T @ p) * (q.T @ q)
            product = (p[:, None] * q[None]).reshape(-1, rank)
            # Relative to the Gram matrix, so that the scale of the tensor does not matter.
            gram[np.diag_indices(rank)] += ridge * np.trace(gram) / rank
            factors[axis] = np.linalg.solve(gram, (unfolded[axis] @ product).T).T
        factors = _even(factors)
        before, error = error, float(np.linalg.norm(x - cp3_tensor(factors)))
        if before - error <= settled * before:
            break
    return factors, error


def _sizes(factors: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.prod([np.linalg.norm(factor, axis=0) for factor in factors], axis=0))


def _even(factors: Sequence[np.ndarray]) -> List[np.ndarray]:
    """The same components, each with factors of one size."""
    norms = [np.maximum(np.linalg.norm(factor, axis=0), 1e-300) for factor in factors]
    size = np.cbrt(np.prod(norms, axis=0))
    return [factor / norm * size for factor, norm in zip(factors, norms)]
