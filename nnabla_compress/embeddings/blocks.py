# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the embeddings of some items are computed from: a block of rows for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.neighbourhoods import Neighbourhoods, Walks, neighbourhoods

POOLINGS = ("importance", "mean", "none")


@dataclass(frozen=True)
class Block:
    """The rows that one layer gives, and where they come from.

    Args:
        own: int32 (B,): the row of the layer before that each of them continues.
        neighbours: int32 (B, T): the rows of the layer before that it pools.
        weights: float32 (B, T): what each counts.
    """

    own: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray


def weights_of(found: Neighbourhoods, pooling: str) -> np.ndarray:
    """Returns what neighbours count, float32 (B, T).

    Args:
        found: Neighbourhoods.
        pooling: ``"importance"``, ``"mean"`` or ``"none"``: content only.
    """
    if pooling == "importance":
        return found.weights
    return found.equal_weights if pooling == "mean" else np.zeros(found.counts.shape, np.float32)


def blocks_for(
    graph: Adjacency,
    how: Walks,
    rows: np.ndarray,
    layers: int,
    seed: int,
    pooling: str = "importance",
    apart: Optional[np.ndarray] = None,
) -> Tuple[np.ndarray, List[Block]]:
    """Samples the neighbourhoods that the embeddings of some items need.

    Args:
        graph: What is walked along.
        how: How neighbourhoods are sampled.
        rows: The items whose embeddings are wanted, in their order; they may repeat.
        layers: How many convolutions.
        seed: Of the walks: the neighbourhood of a node is the same in all layers.
        pooling: As of :func:`weights_of`.
        apart: For each row an item that the last layer must not pool for it, -1 for none: the
            partner that it is trained to be near to.

    Returns:
        The items whose features are needed, and the blocks, the first layer's first.

    Example:
        >>> path = Adjacency.checked([[0, 1], [1, 2]], 3, "path")
        >>> nodes, (block,) = blocks_for(path, Walks(neighbours=1), np.array([0, 0]), 1, seed=0)
        >>> nodes.tolist(), block.own.tolist(), block.neighbours.tolist()
        ([0, 1], [0, 0], [[1], [1]])
    """
    blocks: List[Block] = []
    wanted = np.asarray(rows, np.int64)
    for layer in range(layers):
        distinct, place = np.unique(wanted, return_inverse=True)
        found = neighbourhoods(graph, how, distinct, seed)
        counts, neighbours = found.counts[place], found.neighbours[place]
        if layer == 0 and apart is not None:
            counts = np.where(neighbours == np.asarray(apart)[:, np.newaxis], 0, counts)
        weights = weights_of(Neighbourhoods(wanted, neighbours, counts), pooling)
        below = np.unique(np.concatenate([distinct, neighbours[weights > 0]]))
        own = np.searchsorted(below, wanted)
        # What counts nothing may point anywhere: at the row itself, which is there.
        pooled = np.where(weights > 0, neighbours, wanted[:, np.newaxis])
        blocks.append(
            Block(own.astype(np.int32), np.searchsorted(below, pooled).astype(np.int32), weights)
        )
        wanted = below
    return wanted, blocks[::-1]
