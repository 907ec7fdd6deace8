# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A graph convolutional network: each layer propagates features over the links of a graph."""

from __future__ import annotations

import math

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
from nnabla.initializer import UniformInitializer

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.propagation import propagation
from nnabla_compress.node_graph import NodeGraph


def graph_convolution(
    x: nn.Variable,
    n_classes: int,
    graph: NodeGraph,
    test: bool = False,
    layers: int = 2,
    hidden: int = 16,
) -> nn.Variable:
    """Builds a graph convolutional network, ``H <- relu(Â H W_l)`` and a classifier ``H V``.

    Â = D^-1 (A + I) + I as of :meth:`~nnabla_compress.data.NodeGraph.propagation`. All layers but
    the last are of all nodes that are there, since any may be a neighbour's neighbour. Parameters
    are ``layer1/affine/W``, ``layer2/affine/W``, ... and ``classifier/affine/W``; there are no
    biases. All layers are of one width, so that the classifier can be put behind each.

    Args:
        x: Numbers of nodes (B, 1).
        n_classes: Number of outputs.
        graph: The graph that they are of.
        test: Whether all nodes are there, or those that a training sees.
        layers: Number of layers, at least 1.
        hidden: Width of each, at least 1.

    Returns:
        Logits (B, n_classes).

    Raises:
        ConfigError: If a number is below 1.

    References:
        T. Kipf and M. Welling, ICLR 2017; Y. You et al., L2-GCN, CVPR 2020.

    Example:
        >>> import numpy as np
        >>> graph = NodeGraph.checked(np.eye(3), [[0, 1], [1, 2]], "a path of three nodes")
        >>> with nn.parameter_scope("example_of_gcn"):
        ...     graph_convolution(nn.Variable((2, 1)), 4, graph, hidden=8).shape
        (2, 4)
    """
    for name, value in (("layers", layers), ("hidden", hidden)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"graph_convolution: {name}={value!r} must be a whole number from 1.")
    h = None
    for number in range(1, layers + 1):
        h = propagation(x, graph, test, h, of_all=number < layers)
        h = F.relu(_linear(h, hidden, f"layer{number}"))
    return _linear(h, n_classes, "classifier")


def _linear(h: nn.Variable, width: int, name: str) -> nn.Variable:
    bound = 1 / math.sqrt(h.shape[1])
    start = UniformInitializer((-bound, bound), nn.random.prng)
    return PF.affine(h, width, w_init=start, with_bias=False, name=name)
