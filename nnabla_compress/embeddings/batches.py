# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Mini-batches of pairs with negatives, and the sampled rows that their embeddings need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.blocks import Block, blocks_for
from nnabla_compress.embeddings.neighbourhoods import Walks

# An odd number of 62 bits: seeds of batches are far apart.
_STEP = 0x2545F4914F6CDD1D


@dataclass(frozen=True)
class PairBatch:
    """One mini-batch; rows of its embeddings are queries, partners, shared and hard negatives.

    Args:
        nodes: int64: items whose features the first block reads.
        blocks: One for each layer.
        pairs: B.
        negatives: Negatives that all pairs share.
        hard: Hard negatives of each pair.
    """

    nodes: np.ndarray
    blocks: List[Block]
    pairs: int
    negatives: int
    hard: int


def hard_of_epoch(epoch: int, most: int) -> int:
    """Returns the hard negatives of each pair in an epoch: the curriculum.

    Args:
        epoch: From 1.
        most: The most.

    Example:
        >>> [hard_of_epoch(epoch, 3) for epoch in (1, 2, 3, 4, 5)]
        [0, 1, 2, 3, 3]
    """
    return min(epoch - 1, most)


class PairBatches:
    """Makes mini-batches by their number alone, so that any thread may make any of them.

    Args:
        graph: What is walked along.
        pairs: (P, 2): queries and partners; each is taken once an epoch, either way round.
        candidates: (items, C): hard negatives of each item, -1 where there are fewer.
        how: How neighbourhoods are sampled.
        layers: Convolutions.
        size: Pairs of a batch.
        negatives: Negatives that the pairs of a batch share.
        hard: The most hard negatives of a pair.
        pooling: How neighbourhoods are pooled.
        seed: Seed of all draws.

    Example:
        >>> graph = Adjacency.checked([[0, 1], [1, 2], [2, 3]], 4, "path")
        >>> none = np.full((4, 1), -1, np.int32)
        >>> batches = PairBatches(graph, np.array([[0, 1], [2, 3]]), none, Walks(2), 1, 2, 1, 1)
        >>> batches.an_epoch, batches.batch(0).hard, batches.batch(1).hard
        (1, 0, 1)
    """

    def __init__(
        self,
        graph: Adjacency,
        pairs: np.ndarray,
        candidates: np.ndarray,
        how: Walks,
        layers: int,
        size: int,
        negatives: int,
        hard: int,
        pooling: str = "importance",
        seed: int = 0,
    ) -> None:
        self._graph, self._pairs, self._candidates = graph, pairs, candidates
        self._how, self._layers, self._pooling, self._seed = how, layers, pooling, seed
        self._size, self._negatives, self._hard = min(size, len(pairs)), negatives, hard

    @property
    def an_epoch(self) -> int:
        """Batches of an epoch; pairs that would not fill one are left to others."""
        return max(1, len(self._pairs) // self._size)

    def batch(self, number: int) -> PairBatch:
        """Returns a mini-batch.

        Args:
            number: From 0.
        """
        epoch, place = divmod(number, self.an_epoch)
        order = np.random.RandomState([self._seed, epoch]).permutation(len(self._pairs))
        chosen = self._pairs[order[place * self._size : (place + 1) * self._size]]
        rng = np.random.RandomState([self._seed, 1, number])
        turned = rng.rand(len(chosen)) < 0.5
        chosen = np.where(turned[:, np.newaxis], chosen[:, ::-1], chosen)
        queries, partners = chosen.T
        hard = hard_of_epoch(epoch + 1, self._hard)
        rows = np.concatenate(
            [
                queries,
                partners,
                rng.randint(self._graph.items, size=self._negatives),
                self._hard_negatives(queries, partners, hard, rng).ravel(),
            ]
        )
        apart = np.full(len(rows), -1, np.int64)
        apart[: 2 * len(chosen)] = np.concatenate([partners, queries])
        walked = (self._seed * _STEP + number * (_STEP // 3)) % 2**63
        nodes, blocks = blocks_for(
            self._graph, self._how, rows, self._layers, walked, self._pooling, apart
        )
        return PairBatch(nodes, blocks, len(chosen), self._negatives, hard)

    def _hard_negatives(
        self, queries: np.ndarray, partners: np.ndarray, count: int, rng: np.random.RandomState
    ) -> np.ndarray:
        """Items of middling rank for each query, (B, count); any items where it has none."""
        any_ = rng.randint(self._graph.items, size=(len(queries), count))
        of = self._candidates[queries]
        there = (of >= 0).sum(axis=1, keepdims=True)
        place = (rng.rand(len(queries), count) * there).astype(np.int64)
        found = np.take_along_axis(of, place, 1).astype(np.int64) if count else any_
        usable = (there > 0) & (found != partners[:, np.newaxis])
        return np.where(usable, found, any_)
