# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What of a run's network a device runs: all of it, but for propagations over a graph of nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.data import Split
from nnabla_compress.errors import unwrapped
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.propagated import layers_of, propagations, side_by_side
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.training.evaluate import Build, outputs_of

# Nodes of a split whose propagated features stand for all.
_MOST_ROWS = 1024


def deployed_layers(inputs: Inputs, build: Build) -> List[Network]:
    """Returns the layers between the propagations of a network; empty if it has none.

    Args:
        inputs: A run's inputs.
        build: Its network.
    """
    if inputs.splits is None or inputs.splits.graph is None:
        return []
    return layers_of(_network(inputs, build, 1)[0])


def deployed(inputs: Inputs, build: Build) -> Tuple[Inputs, Build]:
    """Returns the inputs and the network as a device has them.

    Whoever feeds the device propagates: the layers stand side by side, each on rows of its own.

    Args:
        inputs: A run's inputs.
        build: Its network, quantizers started.

    Returns:
        Both as they are where nothing is propagated.
    """
    layers = deployed_layers(inputs, build)
    if not layers:
        return inputs, build
    network = side_by_side(layers)
    splits = inputs.data.change(lambda split: _rows(inputs, build, split, list(network.inputs)))
    shapes = {name: tuple(x.shape[1:]) for name, x in network.inputs.items()}

    def on(x: Any, test: bool) -> Any:
        given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
        made = network.on(given).outputs
        return made["y"] if list(made) == ["y"] else made

    notes = (*inputs.notes, *_notes(layers))
    made = replace(inputs, splits=replace(splits, graph=None), build=on, shapes=shapes, notes=notes)
    return made, on


def _network(inputs: Inputs, build: Build, rows: int) -> Tuple[Network, nn.Variable]:
    x = inputs.variables(rows)
    with nn.auto_forward(False):
        return Network({"x": x}, outputs_of(build(x, True))), x


def _rows(inputs: Inputs, build: Build, split: Split, names: List[str]) -> Split:
    """Samples of the layers: what the propagations give for the nodes of a split."""
    count = min(len(split), _MOST_ROWS)
    chosen = split.take(np.linspace(0, len(split) - 1, count).astype(np.int64))
    network, x = _network(inputs, build, count)
    x.d = chosen.x
    nodes = chosen.x.ravel().astype(np.int64)
    made = [node.outputs[0] for node in propagations(network.all_outputs)]
    with unwrapped():
        nn.forward_all(made)
    arrays = {
        name: np.array(h.d if len(h.d) == count and h is made[-1] else h.d[nodes])
        for name, h in zip(names, made)
    }
    # Targets are of the last output, and whoever compares several looks at the first.
    y = chosen.y if len(names) == 1 else np.zeros((count, 0), np.float32)
    return replace(chosen, x=arrays.pop(names[0]), y=y, name=names[0], more=arrays)


def _notes(layers: List[Network]) -> List[str]:
    """What the device must be fed with, a sentence each."""
    matrix = "A' = D^-1 (A + I) + I (A: links, D: column sums of A + I)"
    if len(layers) == 1:
        return [f"the input x is a row of A' X: features X of the nodes, propagated by {matrix}"]
    found = [
        f"the input x1 is a row of A' X: features X of the nodes, propagated by {matrix}; who "
        "feeds the device propagates between the layers, which also are files of their own"
    ]
    for number in range(2, len(layers) + 1):
        found.append(
            f"the input x{number} is a row of A' H: rows h{number - 1} of all nodes, propagated"
        )
    return found
