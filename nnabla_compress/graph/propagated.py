# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network on a graph of nodes as what a device runs: layers that get propagated features."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import nnabla as nn

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.propagation import Propagation
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, rebuild


def propagations(outputs: Sequence[nn.Variable]) -> List[Any]:
    """Returns the propagations of a graph in the order of execution.

    Args:
        outputs: Variables of one graph.
    """
    return [f for f in functions(outputs) if f.info.type_name == Propagation.graph_type()]


def layers_of(network: Network) -> List[Network]:
    """Returns the layers of a network between its propagations, each on propagated features.

    Args:
        network: A network on numbers of nodes.

    Returns:
        One network a layer, in order, on one row ``x``: it gives the row ``h`` that is propagated
        next, the last one what the network gives. Parameters are those of the network.

    Example:
        >>> import numpy as np
        >>> from nnabla_compress.data import NodeGraph
        >>> from nnabla_compress.models.graph_convolution import graph_convolution
        >>> graph = NodeGraph.checked(np.eye(3), [[0, 1], [1, 2]], "a path of three nodes")
        >>> x = nn.Variable((1, 1))
        >>> with nn.parameter_scope("example_of_layers"):
        ...     network = Network({"x": x}, {"y": graph_convolution(x, 2, graph)})
        >>> [(part.inputs["x"].shape, list(part.outputs)) for part in layers_of(network)]
        [((1, 3), ['h']), ((1, 16), ['y'])]
    """
    nodes = propagations(network.all_outputs)
    ends: List[Dict[str, nn.Variable]] = [{"h": node.inputs[1]} for node in nodes[1:]]
    found = []
    for node, outputs in zip(nodes, [*ends, network.outputs]):
        x = nn.Variable((1, *node.outputs[0].shape[1:]))
        made = rebuild(list(outputs.values()), inputs={node.outputs[0]: x})
        found.append(
            Network({"x": x}, dict(zip(outputs, made)), network.scope, network.paths, network.name)
        )
    return found


def with_classifier(layers: Sequence[Network], number: int) -> Network:
    """Returns a layer with the classifier of the last one behind it.

    The classifier is what follows the last ReLU.

    Args:
        layers: As of :func:`layers_of`.
        number: Which, from 0.

    Returns:
        The network from a row ``x`` to ``y``.

    Raises:
        ConfigError: If the last layer has no ReLU, or the layer gives rows of another width.
    """
    layer, last = layers[number], layers[-1]
    if layer is last:
        return last
    relu = next((f for f in functions([last.output])[::-1] if f.info.type_name == "ReLU"), None)
    if relu is None:
        raise ConfigError(
            "the last layer of the network has no ReLU, so it is not known what its classifier is.",
            help="train it by the step train, or use the model graph_convolution",
        )
    features, made = relu.outputs[0], layer.outputs["h"]
    if features.shape != made.shape:
        raise ConfigError(
            f"layer {number + 1} gives {made.shape[1]} features, the classifier takes "
            f"{features.shape[1]}.",
            help="layers that are trained one by one need one width: prune after the training",
        )
    (y,) = rebuild([last.output], inputs={features: made})
    return Network(layer.inputs, {"y": y}, layer.scope, layer.paths, layer.name)


def side_by_side(layers: Sequence[Network]) -> Network:
    """Returns layers as one network of several inputs and outputs.

    Args:
        layers: As of :func:`layers_of`.

    Returns:
        Inputs ``x1``, ``x2``, ... and outputs ``h1``, ``h2``, ... and those of the last; of one
        layer that layer.
    """
    if len(layers) == 1:
        return layers[0]
    inputs = {f"x{number}": layer.inputs["x"] for number, layer in enumerate(layers, 1)}
    outputs = {f"h{n}": layer.outputs["h"] for n, layer in enumerate(layers[:-1], 1)}
    last = layers[-1]
    return Network(inputs, {**outputs, **last.outputs}, last.scope, last.paths, last.name)
