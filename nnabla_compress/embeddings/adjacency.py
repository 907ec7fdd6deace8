# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Who is linked to whom, as two flat arrays: what walks go along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.node_graph import checked_edges

MOST = 2**31 - 1
"""The most nodes: their numbers are int32."""


@dataclass(frozen=True)
class Adjacency:
    """The neighbours of each node, CSR; make one with :meth:`checked`.

    Args:
        indptr: int64 (N + 1,): where the neighbours of each node begin.
        indices: int32: neighbours, those of a node in rising order.
        items: Nodes below this number get embeddings; the others (boards, users) only join them.
    """

    indptr: np.ndarray
    indices: np.ndarray
    items: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def degrees(self) -> np.ndarray:
        """How many neighbours each node has, int64 (N,)."""
        return np.diff(self.indptr)

    @classmethod
    def checked(cls, edges: Any, nodes: int, where: str, items: Optional[int] = None) -> Adjacency:
        """Makes it of edges as found in a file, or says what is wrong with them.

        Edges go both ways; one that is named twice, or both ways, is one. A node without edges is
        fine: its neighbourhood is empty.

        Args:
            edges: (E, 2) whole numbers.
            nodes: How many nodes there are.
            where: File or source, named in messages.
            items: The nodes below this number are items; by default all are.

        Raises:
            DataError: If an edge dangles or links a node to itself, or there are too many nodes.

        Example:
            >>> path = Adjacency.checked([[0, 1], [2, 1]], 3, "a path of three nodes")
            >>> path.indptr.tolist(), path.indices.tolist()
            ([0, 1, 3, 4], [1, 0, 2, 1])
        """
        if isinstance(nodes, bool) or not isinstance(nodes, (int, np.integer)):
            raise DataError(
                f"{where}: the number of nodes is {nodes!r}.", help="give a whole number"
            )
        if not 0 < nodes <= MOST:
            raise DataError(
                f"{where}: {nodes:,} nodes, there may be 1 to {MOST:,}.",
                help="their numbers are int32: number only nodes that have edges, or share the "
                "graph out by connected parts",
            )
        items = nodes if items is None else items
        if not 0 < items <= nodes:
            raise DataError(
                f"{where}: {items:,} items of {nodes:,} nodes.",
                help="items are the nodes that come first, from 1 to all",
            )
        ends = checked_edges(edges, nodes, where)
        indptr, indices = _csr(ends[:, 0], ends[:, 1], nodes)
        return cls(indptr, indices, items)

    @classmethod
    def of_links(cls, links: Any) -> Adjacency:
        """Returns the adjacency of a symmetric sparse matrix, such as ``NodeGraph.links``.

        Args:
            links: CSR (N, N), its indices sorted.
        """
        size = links.shape[0]
        return cls(links.indptr.astype(np.int64), links.indices.astype(np.int32), size)


def _csr(sources: np.ndarray, targets: np.ndarray, nodes: int) -> Any:
    """Both directions of each edge, sorted, each once.

    A key of 64 bits holds both ends, which one sort puts in order.
    """
    keys = np.empty(2 * len(sources), np.int64)
    np.multiply(sources, nodes, out=keys[: len(sources)])
    keys[: len(sources)] += targets
    np.multiply(targets, nodes, out=keys[len(sources) :])
    keys[len(sources) :] += sources
    keys.sort()
    if len(keys):
        new = np.empty(len(keys), bool)
        new[0] = True
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        keys = keys[new]
    indptr = np.searchsorted(keys, np.arange(nodes + 1, dtype=np.int64) * nodes)
    keys %= nodes
    return indptr.astype(np.int64), keys.astype(np.int32)
