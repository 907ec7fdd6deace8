# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that trains a network on a graph of nodes layer by layer, from scratch (L-GCN)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np
from pydantic import SerializeAsAny, field_serializer, field_validator

from nnabla_compress.data import DataSet, NodeGraph, Split
from nnabla_compress.errors import ConfigError, unwrapped
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.propagated import layers_of, with_classifier
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.training import TrainingSettings
from nnabla_compress.training.stopping import StoppingOptions, stopping_of

# Rows of a forward pass over all nodes.
_ROWS = 512


@register_step("layerwise")
class Layerwise(Step):
    """Trains a network on a graph of nodes layer by layer (L-GCN).

    For each layer: features are propagated once, then the layer and the classifier behind it are
    trained on mini-batches of rows, then the layer stays as it is and gives the next features.

    Args:
        settings: Epochs of each layer, solver, learning rate.
        stop: When a layer ends before its last epoch, such as ``plateau``.
    """

    flat = "settings"

    settings: TrainingSettings
    stop: Optional[SerializeAsAny[StoppingOptions]] = None

    @field_validator("stop", mode="before")
    @classmethod
    def _known_rule(cls, entry: Any) -> Any:
        return None if entry is None else stopping_of(entry)

    @field_serializer("stop")
    def _rule_by_name(self, rule: Optional[StoppingOptions]) -> Optional[Record]:
        return None if rule is None else {rule.name: rule.model_dump(mode="json")}

    @property
    def compresses(self) -> bool:
        """Training does not compress."""
        return False

    @property
    def trains(self) -> bool:
        """It trains."""
        return True

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data."""
        return "a training learns from it"

    @property
    def needs_targets(self) -> bool:
        """It learns from them."""
        return True

    def foresee(self, course: Course) -> None:
        """Refuses networks without propagations, and layers that the classifier can't follow."""
        _graph_of(course)
        layers = layers_of(course.network(test=False))
        for number in range(len(layers)):
            with_classifier(layers, number)
        course.updates(self.settings)  # refuses data without training samples

    def run(self, course: Course) -> Record:
        """Trains one layer after the other."""
        graph, data = _graph_of(course), course.data
        rows = {test: _Rows(graph, test) for test in (False, True)}
        records: List[Record] = []
        count = len(layers_of(course.network()))
        for number in range(count):

            def build(x: nn.Variable, test: bool, number: int = number) -> nn.Variable:
                layers = layers_of(course.network(test))
                return with_classifier(layers, number).on({"x": x}).output

            records.append(
                course.train_part(
                    f"layer{number + 1}",
                    build,
                    _on_rows(data, rows),
                    self.settings,
                    None if self.stop is None else self.stop.start(number + 1),
                )
            )
            if number + 1 < count:
                layer = layers_of(course.network())[number]
                for each in rows.values():
                    each.pass_through(layer)
        epochs = [
            record.get("stopped", {}).get("epochs", self.settings.epochs) for record in records
        ]
        return {"layers": records, "epochs": sum(epochs)}


class _Rows:
    """Features of the nodes that are there, propagated for the layer that is next."""

    def __init__(self, graph: NodeGraph, test: bool) -> None:
        self._matrix, self._nodes = graph.propagation(test), graph.nodes(test)
        self._rows: Any = graph.propagated(test)

    def of(self, nodes: np.ndarray) -> np.ndarray:
        """Returns the rows of some nodes, (B, C)."""
        rows = self._rows[np.searchsorted(self._nodes, nodes)]
        return rows if isinstance(rows, np.ndarray) else rows.toarray()

    def pass_through(self, layer: Network) -> None:
        """Makes the features those that a layer gives, propagated.

        Args:
            layer: From a row ``x`` to a row ``h``.
        """
        x = nn.Variable((_ROWS, *layer.inputs["x"].shape[1:]))
        with nn.auto_forward(False):
            h = layer.on({"x": x}).outputs["h"]
        found = np.empty((len(self._nodes), h.shape[1]), np.float32)
        for start in range(0, len(self._nodes), _ROWS):
            nodes = self._nodes[start : start + _ROWS]
            x.d = 0
            x.d[: len(nodes)] = self.of(nodes)
            with unwrapped():
                h.forward(clear_buffer=True)
            found[start : start + _ROWS] = h.d[: len(nodes)]
        self._rows = self._matrix @ found


def _graph_of(course: Course) -> NodeGraph:
    graph = course.data.graph
    if graph is None:
        raise ConfigError(
            f"layerwise: {course.data.name} is no graph of nodes.",
            help="use the data source graph and the model graph_convolution, or the step train",
        )
    return graph


def _on_rows(data: DataSet, rows: Mapping[bool, _Rows]) -> DataSet:
    """The samples of one layer: propagated features in the place of numbers of nodes."""
    splits: Dict[str, Split] = {}
    for name in ("train", "validation"):
        split = data.splits.get(name)
        if split is not None:
            nodes = split.x.ravel().astype(np.int64)
            splits[name] = Split(rows[name != "train"].of(nodes), split.y)
    return DataSet.checked(data.name, data.n_classes, splits["train"], splits.get("validation"))
