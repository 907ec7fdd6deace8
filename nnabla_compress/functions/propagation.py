# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The propagation of a graph convolution: what each node gets of itself and of its neighbours."""

from __future__ import annotations

from itertools import count
from typing import Any, Callable, Dict, List, Optional, Tuple
from weakref import WeakValueDictionary

import nnabla as nn
import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.node_graph import NodeGraph
from nnabla_compress.quantizers.engine import add_gradient, host_array

_numbers = count()
_living: WeakValueDictionary[int, _Reference] = WeakValueDictionary()


class _Reference:
    """A graph among the arguments of a function: NNabla pickles these, each time they are read.

    What is pickled is a number; functions keep the reference alive, and it the graph.
    """

    def __init__(self, graph: NodeGraph) -> None:
        self.graph, self._number = graph, next(_numbers)
        _living[self._number] = self

    def __reduce__(self) -> Tuple[Callable[[int], Any], Tuple[int]]:
        return _living_reference, (self._number,)


def _living_reference(number: int) -> _Reference:
    return _living[number]


def propagation(
    nodes: nn.Variable,
    graph: NodeGraph,
    test: bool,
    features: Optional[nn.Variable] = None,
    of_all: bool = False,
) -> nn.Variable:
    """Returns rows of features after one propagation, a sparse product.

    Args:
        nodes: Numbers of nodes (B, 1).
        graph: The graph that they are of.
        test: Whether all of its nodes are there, or those of its training.
        features: A row for each node that is there, in their order (N, C); by default the graph's.
        of_all: Whether to give all nodes that are there, (N, C), not those of ``nodes``.

    Returns:
        (B, C), or (N, C).

    Raises:
        DataError: In the forward pass, if a number is that of no node that is there.

    Example:
        >>> graph = NodeGraph.checked(np.eye(3), [[0, 1], [1, 2]], "a path of three nodes")
        >>> rows = propagation(nn.Variable.from_numpy_array(np.float32([[0], [2]])), graph, True)
        >>> rows.forward(); rows.d.tolist()
        [[1.5, 0.5, 0.0], [0.0, 0.5, 1.5]]
    """
    given = {"graph": _Reference(graph), "test": test, "of_all": of_all}
    return Propagation(given)(nodes, *([] if features is None else [features]))


class Propagation(ArgumentsFunction):
    """The node of :func:`propagation`."""

    def __init__(self, args: Dict[str, Any]) -> None:
        super().__init__(args)
        self._matrix: Any = None
        self._rows: Any = None

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        graph = self.args["graph"].graph
        there = len(graph.nodes(self.args["test"]))
        width = inputs[1].shape[1] if len(inputs) > 1 else graph.features.shape[1]
        rows = there if self.args["of_all"] else inputs[0].shape[0]
        outputs[0].reset_shape((rows, width), True)
        if len(inputs) > 1:
            self._matrix = graph.propagation(self.args["test"])
        else:
            self._rows = graph.propagated(self.args["test"])
        self._place = np.full(len(graph), -1, np.int64)
        self._place[graph.nodes(self.args["test"])] = np.arange(there)

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return j == 0

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        out = host_array(outputs[0].data, np.float32, overwrite=True)
        if len(inputs) == 1:
            out[...] = self._chosen(self._rows, inputs).toarray()
        else:
            out[...] = self._chosen(self._matrix, inputs) @ host_array(inputs[1].data, np.float32)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if len(inputs) == 1 or not propagate_down[1]:
            return
        dy = host_array(outputs[0].grad, np.float32)
        add_gradient(self._chosen(self._matrix, inputs).T @ dy, inputs[1], accum[1])

    def _chosen(self, matrix: Any, inputs: List[nn.Variable]) -> Any:
        """The rows of the nodes that are asked for."""
        if self.args["of_all"]:
            return matrix
        nodes = host_array(inputs[0].data, np.float32).ravel()
        known = (nodes >= 0) & (nodes < len(self._place)) & (nodes == np.floor(nodes))
        places = self._place[np.where(known, nodes, 0).astype(np.int64)]
        known &= places >= 0
        if not known.all():
            raise DataError(
                f"there is no node {nodes[~known][0]:g} in the graph of the "
                f"{'test' if self.args['test'] else 'training'}.",
                help="give numbers of its nodes, as the data source graph does",
            )
        return matrix[places]
