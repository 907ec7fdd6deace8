# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Neighbourhoods by importance: the nodes that short walks from a node visit most often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.random_walks import most_visited


@dataclass(frozen=True)
class Walks:
    """How neighbourhoods are sampled.

    Args:
        neighbours: T, the most visited nodes that a neighbourhood holds.
        walks: Walks from each node.
        length: Steps of each walk.
        restart: Probability that a step begins at the node again, 0 to 1.

    Raises:
        ConfigError: If one of them is out of range.

    Example:
        >>> Walks(neighbours=5).walks
        50
    """

    neighbours: int = 10
    walks: int = 50
    length: int = 5
    restart: float = 0.5

    def __post_init__(self) -> None:
        for name in ("neighbours", "walks", "length"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ConfigError(
                    f"walks: {name} is {value!r}.", help="give a whole number, at least 1"
                )
        if not 0 <= self.restart <= 1:
            raise ConfigError(
                f"walks: restart is {self.restart!r}, it is a probability.",
                help="give 0 (never) to 1",
            )
        if self.walks * self.length >= 2**31:
            raise ConfigError(
                f"walks: {self.walks:,} walks of {self.length:,} steps, visits are counted up to "
                "2,147,483,647.",
                help="walk less: a few hundred steps a node suffice",
            )


@dataclass(frozen=True)
class Neighbourhoods:
    """The neighbourhoods of some nodes.

    Args:
        nodes: int64 (B,): whose they are.
        neighbours: int32 (B, T), the most visited first; the node itself where there are fewer.
        counts: int32 (B, T), visits; 0 where there are fewer.
    """

    nodes: np.ndarray
    neighbours: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def weights(self) -> np.ndarray:
        """What each neighbour counts, float32 (B, T): its share of the visits; 0 in empty rows."""
        totals = self.counts.sum(axis=1, keepdims=True, dtype=np.int64)
        return (self.counts / np.maximum(totals, 1)).astype(np.float32)

    @property
    def equal_weights(self) -> np.ndarray:
        """The same for each neighbour of a node: pooling by the mean."""
        there = self.counts > 0
        return (there / np.maximum(there.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def neighbourhoods(
    graph: Adjacency,
    how: Walks,
    nodes: Optional[np.ndarray] = None,
    seed: int = 0,
) -> Neighbourhoods:
    """Samples the neighbourhoods of nodes by short random walks with restarts.

    A node's neighbourhood depends on the seed and on its own number only: not on the other nodes
    asked for, nor on the number of threads. Memory does not depend on the number of walks.

    Args:
        graph: The graph; only items are neighbours.
        how: How many walks, how long.
        nodes: Whose; by default those of all items.
        seed: Seed of the walks.

    Example:
        >>> star = Adjacency.checked([[0, 1], [0, 2], [0, 3]], 5, "a star and a node alone")
        >>> found = neighbourhoods(star, Walks(neighbours=3, walks=100), np.array([1, 4]))
        >>> int(found.neighbours[0, 0]), found.weights[1].tolist()
        (0, [0.0, 0.0, 0.0])

    References:
        R. Ying et al., Graph Convolutional Neural Networks for Web-Scale Recommender Systems, KDD
        2018, importance pooling.
    """
    starts = np.arange(graph.items) if nodes is None else np.asarray(nodes)
    starts = np.ascontiguousarray(starts, np.int64)
    if len(starts) and not (0 <= starts.min() and starts.max() < len(graph)):
        wrong = int(starts.min() if starts.min() < 0 else starts.max())
        raise ConfigError(
            f"walks: there is no node {wrong} to walk from.", help=f"nodes are 0..{len(graph) - 1}"
        )
    visited = np.empty((len(starts), how.neighbours), np.int32)
    counts = np.empty((len(starts), how.neighbours), np.int32)
    most_visited(
        graph.indptr,
        graph.indices,
        starts,
        graph.items,
        how.walks,
        how.length,
        how.restart,
        seed,
        visited,
        counts,
    )
    return Neighbourhoods(starts, visited, counts)
