# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A graph whose nodes have features: checked, and propagated by one sparse product a layer.

SciPy is imported where it is used: it takes long, and most networks have no graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from nnabla_compress.errors import DataError

MOST_NODES = 2**24
"""Nodes whose numbers are exact in float32, which networks get them in."""
_INT32 = 2**31 - 1


@dataclass(frozen=True)
class NodeGraph:
    """Features of nodes, and which of them are linked; make one with :meth:`checked`.

    Args:
        features: Rows (N, D), CSR of float32.
        links: Symmetric (N, N), CSR of float32: 1 where two nodes are linked. Nothing is on the
            diagonal.
        known: Nodes of the sub-graph that a training sees, in order; None: it sees all.
    """

    features: Any
    links: Any
    known: Optional[np.ndarray] = None
    _made: Dict[Tuple[str, bool], Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return int(self.features.shape[0])

    @classmethod
    def checked(
        cls, features: Any, edges: Any, where: str, known: Optional[np.ndarray] = None
    ) -> NodeGraph:
        """Makes a graph from arrays as found in a file, or says what is wrong with them.

        Args:
            features: (N, D), dense or sparse.
            edges: (E, 2) whole numbers: the nodes that are linked, each pair once or both ways.
            where: File or source, named in messages.
            known: Nodes of the sub-graph that a training sees; None: all.

        Raises:
            DataError: If an edge leads nowhere or to its own node, or features are no finite
                numbers.

        Example:
            >>> graph = NodeGraph.checked(np.eye(3), [[0, 1], [1, 2]], "a path of three nodes")
            >>> graph.propagation(test=True).astype(float).toarray().round(3).tolist()
            [[1.5, 0.5, 0.0], [0.333, 1.333, 0.333], [0.0, 0.5, 1.5]]
        """
        from scipy import sparse

        features = _features(features, where)
        count = features.shape[0]
        pairs = checked_edges(edges, count, where)
        ones = np.ones(2 * len(pairs), np.float32)
        ends = np.concatenate([pairs, pairs[:, ::-1]])
        links = sparse.csr_matrix((ones, (ends[:, 0], ends[:, 1])), shape=(count, count))
        links.data[:] = 1  # a link that is named twice is one
        links.sort_indices()
        return cls(features, links, None if known is None else np.sort(known))

    def of(self, nodes: np.ndarray) -> NodeGraph:
        """Returns the sub-graph of some nodes, numbered anew in their order.

        Args:
            nodes: Numbers of nodes, rising.
        """
        return NodeGraph(self.features[nodes], self.links[nodes][:, nodes])

    def nodes(self, test: bool) -> np.ndarray:
        """Returns the nodes that are there, in order: all of them, or those of a training.

        Args:
            test: Whether all are there.
        """
        return np.arange(len(self)) if test or self.known is None else self.known

    def propagation(self, test: bool) -> Any:
        """Returns what a layer multiplies features by first, ``D^-1 (A + I) + I``, CSR of float32.

        A holds the links, D on its diagonal the column sums of A + I, so that a node without links
        has 2 there. It counts each node twice, as the layer-wise trainings of L-GCN do.

        Args:
            test: Whether all nodes are there, or those of a training.

        References:
            Y. You et al., L2-GCN, CVPR 2020; Â of the authors' programs.
        """
        return self._once("matrix", test, self._propagation)

    def propagated(self, test: bool) -> Any:
        """Returns the features of the nodes that are there, propagated once, CSR of float32.

        Args:
            test: As of :meth:`propagation`.
        """
        return self._once("features", test, self._propagated)

    def _once(self, what: str, test: bool, make: Callable[[bool], Any]) -> Any:
        key = what, test or self.known is None
        if key not in self._made:
            self._made[key] = make(key[1])
            self._made[key].sort_indices()
        return self._made[key]

    def _propagation(self, test: bool) -> Any:
        from scipy import sparse

        links = self.links
        if not test and self.known is not None:
            links = links[self.known][:, self.known]
        itself = sparse.identity(links.shape[0], np.float32, "csr")
        met = links + itself
        degrees = np.asarray(met.sum(axis=0), np.float64).ravel()
        found = sparse.diags((1 / degrees).astype(np.float32)) @ met + itself
        return found.astype(np.float32).tocsr()

    def _propagated(self, test: bool) -> Any:
        return (self.propagation(test) @ self.features[self.nodes(test)]).tocsr()


def _features(features: Any, where: str) -> Any:
    from scipy import sparse

    found = features if sparse.issparse(features) else np.asarray(features)
    if found.ndim != 2 or found.dtype.kind not in "buif":
        raise DataError(
            f"{where}: features have the shape {found.shape} of {found.dtype}.",
            help="give numbers, a row of them for each node: (N, D)",
        )
    if 0 in found.shape:
        raise DataError(f"{where}: the graph is empty, features have the shape {found.shape}.")
    if found.shape[0] > MOST_NODES:
        raise DataError(
            f"{where}: {found.shape[0]:,} nodes, the most are {MOST_NODES:,}.",
            help="take a sub-graph: networks get the numbers of nodes as float32",
        )
    with np.errstate(over="ignore"):
        rows = sparse.csr_matrix(found, dtype=np.float32)
    if not np.isfinite(rows.data).all():
        bad = int(np.argmin(np.isfinite(rows.data)))
        node = int(np.searchsorted(rows.indptr, bad, side="right")) - 1
        raise DataError(
            f"{where}: a feature of node {node} is NaN or infinite.", help="repair or remove it"
        )
    rows.sort_indices()
    return rows


def checked_edges(edges: Any, count: int, where: str) -> np.ndarray:
    """Returns edges as whole numbers of nodes that there are, int64 (E, 2).

    Args:
        edges: (E, 2), as found in a file.
        count: How many nodes there are.
        where: File or source, named in messages.

    Raises:
        DataError: If an edge leads nowhere or to its own node.

    Example:
        >>> checked_edges([[0, 1]], 2, "one edge").tolist()
        [[0, 1]]
    """
    found = np.asarray(edges)
    if found.size == 0:
        return np.zeros((0, 2), np.int64)
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iu":
        raise DataError(
            f"{where}: edges have the shape {found.shape} of {found.dtype}.",
            help="give whole numbers, the two nodes of each edge: (E, 2)",
        )
    for wrong, said in (
        (found > _INT32, f"beyond the largest, {_INT32:,}"),
        ((found < 0) | (found >= count), f"outside 0..{count - 1}: no node has that number"),
    ):
        if wrong.any():
            row, column = (int(place) for place in np.argwhere(wrong)[0])
            raise DataError(
                f"{where}: edge {row} names node {int(found[row, column])}, {said}.",
                help=f"number the nodes from 0, one row of features each; there are {count:,}",
            )
    itself = found[:, 0] == found[:, 1]
    if itself.any():
        row = int(np.argmax(itself))
        raise DataError(
            f"{where}: edge {row} links node {int(found[row, 0])} to itself, and "
            f"{int(itself.sum()):,} edges do so.",
            help="leave these edges out: every node takes part in its own features already",
        )
    return found.astype(np.int64)
