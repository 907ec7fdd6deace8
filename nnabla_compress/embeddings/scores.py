# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How good embeddings are: by classes, by pairs, and beside other embeddings of the same items."""

from __future__ import annotations

from typing import Dict, Optional

import numpy as np

from nnabla_compress.errors import DataError

# Similarities that are in memory at a time.
_AT_ONCE = 1 << 24


def unit_rows(table: np.ndarray) -> np.ndarray:
    """Returns rows of norm 1, float32; rows of zeros stay.

    Args:
        table: (N, D).

    Example:
        >>> unit_rows(np.float32([[3, 4], [0, 0]])).round(3).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    table = np.asarray(table, np.float32)
    norms = np.sqrt(np.square(table, dtype=np.float64).sum(axis=1, keepdims=True))
    return (table / np.where(norms > 0, norms, 1)).astype(np.float32)


def nearest(table: np.ndarray, count: int, queries: Optional[np.ndarray] = None) -> np.ndarray:
    """Returns the nearest other items by cosine, by brute force, int64 (Q, count).

    Items that are equally near come by their numbers.

    Args:
        table: Embeddings (N, D).
        count: How many; at most all others.
        queries: Numbers of the items that are asked for; by default all.

    Raises:
        DataError: If there are not as many others.

    Example:
        >>> nearest(np.float32([[1, 0], [1, 0.1], [0, 1]]), 1).tolist()
        [[1], [0], [1]]
    """
    if not 1 <= count < len(table):
        raise DataError(
            f"the {count} nearest of {len(table) - 1} other items are asked for.",
            help="ask for at least 1 and at most all others",
        )
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise DataError(
            f"row {int(np.argmin(finite))} of the table is NaN or infinite.",
            help="compute it again",
        )
    rows = unit_rows(table)
    asked = np.arange(len(rows)) if queries is None else np.asarray(queries)
    found = np.empty((len(asked), count), np.int64)
    step = max(1, _AT_ONCE // len(rows))
    for start in range(0, len(asked), step):
        part = asked[start : start + step]
        near = rows[part] @ rows.T
        near[np.arange(len(part)), part] = -np.inf
        found[start : start + step] = highest(near, count)
    return found


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """Returns where the highest scores of each row are, the highest first, ties by place.

    Args:
        scores: (Q, N).
        count: How many.

    Example:
        >>> highest(np.float32([[1, 3, 3, 2]]), 3).tolist()
        [[1, 2, 3]]
    """
    width = scores.shape[1]
    if count >= width:
        return np.argsort(-scores, axis=1, kind="stable")[:, :count]
    limit = -np.partition(-scores, count - 1, axis=1)[:, count - 1 : count]
    # Above the limit all are in; of those at it, as many as there is room for, by place.
    above, at = scores > limit, scores == limit
    room = count - above.sum(axis=1, keepdims=True)
    chosen = above | (at & (np.cumsum(at, axis=1) <= room))
    places = np.nonzero(chosen)[1].reshape(len(scores), count)
    order = np.argsort(-np.take_along_axis(scores, places, 1), axis=1, kind="stable")
    return np.take_along_axis(places, order, 1)


def precision(table: np.ndarray, labels: np.ndarray, count: int = 10) -> float:
    """Returns which share of each item's nearest others is of its class, the mean in percent.

    Args:
        table: Embeddings (N, D).
        labels: (N,).
        count: How many of the nearest.

    Example:
        >>> precision(np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]), np.array([0, 0, 1, 1]), 1)
        100.0
    """
    labels = np.asarray(labels).ravel()
    return float(100 * (labels[nearest(table, count)] == labels[:, np.newaxis]).mean())


def recall(table: np.ndarray, other: np.ndarray, count: int = 10) -> float:
    """Returns which share of each item's nearest in one table is so in another, in percent.

    Args:
        table: Embeddings as they were (N, D).
        other: The same items', compressed.
        count: How many of the nearest.

    Example:
        >>> recall(np.eye(3) + 0.1, np.eye(3) + 0.1, 1)
        100.0
    """
    return shared(nearest(table, count), nearest(other, count))


def shared(found: np.ndarray, other: np.ndarray) -> float:
    """Returns which share of the numbers of each row is in the same row of others, in percent.

    Args:
        found: (Q, K).
        other: (Q, K).

    Example:
        >>> shared(np.array([[1, 2]]), np.array([[2, 5]]))
        50.0
    """
    met = (found[:, :, np.newaxis] == other[:, np.newaxis, :]).any(axis=2)
    return float(100 * met.mean())


def of_pairs(table: np.ndarray, pairs: np.ndarray, count: int = 10) -> Dict[str, float]:
    """Returns how near partners are to their queries among all items.

    Args:
        table: Embeddings (N, D).
        pairs: (P, 2): query and partner.
        count: Of the hit rate.

    Returns:
        ``hit_rate``: the share of pairs whose partner is among the nearest, in percent; ``mrr``:
        the mean of one over its rank.

    Example:
        >>> of_pairs(np.float32([[1, 0], [1, 0.1], [0, 1]]), np.array([[0, 1], [0, 2]]), 1)
        {'hit_rate': 50.0, 'mrr': 0.75}
    """
    rows = unit_rows(table)
    ranks = np.empty(len(pairs), np.int64)
    step = max(1, _AT_ONCE // len(rows))
    for start in range(0, len(pairs), step):
        query, partner = pairs[start : start + step].T
        near = rows[query] @ rows.T
        at = np.arange(len(query))
        wanted = near[at, partner]
        near[at, query] = -np.inf
        ahead = near > wanted[:, np.newaxis]
        ties = (near == wanted[:, np.newaxis]) & (np.arange(len(rows)) < partner[:, np.newaxis])
        ranks[start : start + step] = 1 + ahead.sum(axis=1) + ties.sum(axis=1)
    return {
        "hit_rate": float(100 * (ranks <= count).mean()),
        "mrr": float((1 / ranks).mean()),
    }
