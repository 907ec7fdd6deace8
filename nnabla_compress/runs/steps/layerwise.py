# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that trains a network on a graph of nodes layer by layer, from scratch (L-GCN)."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np
from pydantic import SerializeAsAny, field_serializer, field_validator

from nnabla_compress.data import DataSet, NodeGraph, Preprocessing, Split
from nnabla_compress.errors import ConfigError, unwrapped
from nnabla_compress.files import temporary_folder
from nnabla_compress.functions.propagation import propagation
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.propagated import layers_of, with_classifier
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.training import Trainer, TrainingSettings
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.stopping import Stopping, StoppingOptions, stopping_of

# Rows of a forward pass over all nodes: the features of so many are dense at a time.
_ROWS = 64


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
        learned = self._learned(course)
        records: List[Record] = []

        def train(number: int, build: Build, samples: DataSet) -> None:
            stopping = None if self.stop is None else self.stop.start(number, learned)
            name = f"layer{number}"
            records.append(course.train_part(name, build, samples, self.settings, stopping))

        seen = _Rows(graph, False)
        everywhere = seen if graph.known is None else _Rows(graph, True)
        _train_layers(course, data, graph, {False: seen, True: everywhere}, train)
        epochs = [
            record.get("stopped", {}).get("epochs", self.settings.epochs) for record in records
        ]
        return {"layers": records, "epochs": round(sum(epochs), 3)}

    def _learned(self, course: Course) -> Record:
        """What the rule of stopping learned from trainings on small samples."""
        rule = self.stop
        if rule is None or not rule.sample:
            return {}
        parts = len(layers_of(course.network(test=False)))

        def practise() -> Record:
            assert rule is not None
            before = {path: np.array(p.d) for path, p in _parameters().items()}

            def play(number: int, rule_for: Callable[[int], Stopping]) -> None:
                self._play(course, number, rule_for)
                for path, parameter in _parameters().items():
                    parameter.d = before[path]

            return rule.practise(play, parts, self.settings.epochs, course.seed)

        return course.once("practice", practise)

    def _play(self, course: Course, number: int, rule_for: Callable[[int], Stopping]) -> None:
        """Trains all layers on a sub-graph, drawn by the number of the round."""
        assert self.stop is not None
        train, graph = course.data.split("train"), _graph_of(course)
        rng = np.random.RandomState([course.seed, number])
        count = min(self.stop.sample, len(train))
        drawn = np.sort(rng.permutation(len(train))[:count])
        nodes = train.x[drawn].ravel().astype(np.int64)
        part = graph.of(nodes)
        x = np.arange(count, dtype=np.float32)[:, np.newaxis]
        data = replace(course.data, train=Split(x, train.y[drawn]), validation=None, test=None)
        size = max(1, round(self.settings.batch_size * count / len(train)))
        settings = replace(self.settings, batch_size=size, checkpoint_interval=10**9)
        with temporary_folder() as folder:

            def one(layer: int, build: Build, samples: DataSet) -> None:
                rule = rule_for(layer)
                place = folder / f"layer{layer}"
                Trainer(
                    build, samples, settings, place, Preprocessing(), seed=number, stopping=rule
                ).run()

            rows = _Rows(part, False)
            _train_layers(course, data, part, {False: rows}, one)


def _train_layers(
    course: Course,
    data: DataSet,
    graph: NodeGraph,
    rows: Mapping[bool, _Rows],
    train: Callable[[int, Build, DataSet], None],
) -> None:
    """Trains each layer with the classifier behind it, on the features that those before give.

    The features of the first layer are sparse, often wide, and stay so: it gets a mini-batch of
    them by the numbers of nodes. Those of the others are dense, and are its samples.

    Args:
        course: Has the network.
        data: Samples, numbers of nodes.
        graph: What they are of.
        rows: Features of the nodes of a training (False), and of all (True) where data need them.
        train: Trains a layer, by its number from 1, on samples of its own.
    """
    count = len(layers_of(course.network()))
    for number in range(count):

        def build(x: nn.Variable, test: bool, number: int = number) -> nn.Variable:
            layer = with_classifier(layers_of(course.network(test)), number)
            return layer.on({"x": x if number else propagation(x, graph, test)}).output

        train(number + 1, build, _on_rows(data, rows) if number else data)
        gc.collect()  # a training holds its samples in a cycle
        if number + 1 < count:
            layer = layers_of(course.network())[number]
            for each in dict.fromkeys(rows.values()):
                each.pass_through(layer)


def _parameters() -> Dict[str, nn.Variable]:
    found: Dict[str, nn.Variable] = nn.get_parameters(grad_only=False)
    return found


class _Rows:
    """Features of the nodes that are there, propagated for the layer that is next."""

    def __init__(self, graph: NodeGraph, test: bool) -> None:
        self._matrix, self._nodes = graph.propagation(test), graph.nodes(test)
        self._rows: Any = graph.propagated(test)

    def of(self, nodes: np.ndarray) -> np.ndarray:
        """Returns the rows of some nodes, (B, C)."""
        every = np.array_equal(nodes, self._nodes)
        rows = self._rows if every else self._rows[np.searchsorted(self._nodes, nodes)]
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
