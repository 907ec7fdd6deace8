# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pairs of items that belong together: what a training learns from and what judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.neighbourhoods import Walks, neighbourhoods
from nnabla_compress.errors import ConfigError, DataError

# Visits of walks from an item tell ranks as far as that only where there are many walks.
_VISITS_A_RANK = 40


@dataclass(frozen=True)
class Pairs:
    """Pairs (P, 2) of items for training, for choosing and for the test, int64."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def linked_pairs(graph: Adjacency) -> np.ndarray:
    """Returns the pairs of items that an edge links, each once, (P, 2).

    Args:
        graph: The graph.

    Example:
        >>> linked_pairs(Adjacency.checked([[1, 0], [1, 2]], 3, "path")).tolist()
        [[0, 1], [1, 2]]
    """
    sources = np.repeat(np.arange(len(graph)), graph.degrees)
    targets = graph.indices.astype(np.int64)
    chosen = (sources < targets) & (targets < graph.items)
    return np.stack([sources[chosen], targets[chosen]], axis=1)


def split_pairs(
    pairs: np.ndarray, shares: Tuple[float, float] = (0.1, 0.2), seed: int = 0
) -> Pairs:
    """Shares pairs out by chance.

    Args:
        pairs: (P, 2).
        shares: Of validation and of test.
        seed: Of the draw.

    Raises:
        ConfigError: If the shares leave nothing to train on.
        DataError: If there is no pair.

    Example:
        >>> found = split_pairs(np.arange(20).reshape(10, 2))
        >>> len(found.train), len(found.validation), len(found.test)
        (7, 1, 2)
    """
    if not (min(shares) >= 0 and sum(shares) < 1):
        raise ConfigError(
            f"pairs: shares of validation and test are {list(shares)}.",
            help="give two numbers from 0 whose sum is below 1",
        )
    if not len(pairs):
        raise DataError(
            "no edge links two items: there are no pairs to learn from.",
            help="give pairs of items that belong together, or edges between items",
        )
    order = np.random.RandomState(seed).permutation(len(pairs))
    first, second = (int(round(share * len(pairs))) for share in shares)
    if first + second >= len(pairs):
        raise ConfigError(
            f"pairs: of {len(pairs):,} pairs, {first:,} validate and {second:,} test: none is left "
            "to train on.",
            help="give smaller shares, or a graph with more edges",
        )
    parts = np.split(pairs[order], [first, first + second])
    return Pairs(parts[2], parts[0], parts[1])


def without(graph: Adjacency, pairs: np.ndarray) -> Adjacency:
    """Returns the graph without the edges of some pairs: what a training may walk along.

    Args:
        graph: The graph.
        pairs: (P, 2).

    Example:
        >>> left = without(Adjacency.checked([[0, 1], [1, 2]], 3, "path"), np.array([[2, 1]]))
        >>> left.indptr.tolist(), left.indices.tolist()
        ([0, 1, 2, 2], [1, 0])
    """
    sources = np.repeat(np.arange(len(graph), dtype=np.int64), graph.degrees)
    keys = sources * len(graph) + graph.indices
    left_out = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64)
    kept = ~np.isin(keys, left_out[:, 0] * len(graph) + left_out[:, 1])
    counts = np.bincount(sources[kept], minlength=len(graph))
    return Adjacency(np.concatenate([[0], np.cumsum(counts)]), graph.indices[kept], graph.items)


def hard_candidates(
    graph: Adjacency, ranks: Tuple[int, int], how: Walks, seed: int = 0
) -> np.ndarray:
    """Returns items of middling rank for each item: near enough to be taken for its partners.

    Ranks are those of personalised PageRank, estimated by visits of walks.

    Args:
        graph: The graph.
        ranks: First and last rank, from 1.
        how: Length and restarts of the walks.
        seed: Of the walks.

    Returns:
        int32 (items, ranks); -1 where walks visit fewer items.

    Raises:
        ConfigError: If the ranks are none.
    """
    first, last = ranks
    if not 1 <= first <= last:
        raise ConfigError(
            f"hard negatives: ranks {first} to {last}.", help="give two ranks from 1, rising"
        )
    walks = max(how.walks, -(-_VISITS_A_RANK * last // how.length))
    deep = Walks(last, walks, how.length, how.restart)
    found = neighbourhoods(graph, deep, seed=seed)
    visited = np.where(found.counts > 0, found.neighbours, -1)
    return np.ascontiguousarray(visited[:, first - 1 :])
