# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Labels of entries of a graph's tensors, as rules give them to one function after the other."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.analysis.places import places
from nnabla_compress.graph.rewrite import depending

Axes = Dict[int, np.ndarray]
OUTPUT, INPUT, SCALE, SHIFT, STATISTICS, STATE = (
    "output", "input", "scale", "shift", "statistics", "state",
)  # fmt: skip


class Made(NamedTuple):
    """Channels that a layer makes.

    Args:
        layer: The name of the layer.
        labels: Their labels, in order.
    """

    layer: str
    labels: np.ndarray


class Labels:
    """What is known of the labels of a graph.

    Args:
        outputs: Variables of the graph.
        inputs: The network's inputs, which have no labels.
        parameters: Parameters by path, to name layers; by default those of the current scope.
    """

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Collection[nn.Variable],
        parameters: Optional[Mapping[str, nn.Variable]] = None,
    ) -> None:
        self._labels: Dict[Any, Axes] = {}
        self._count = 0
        self._pairs: List[Tuple[np.ndarray, np.ndarray]] = []
        self._held: List[Tuple[np.ndarray, str]] = []
        self._roles: List[Tuple[np.ndarray, str]] = []
        self._whys: Dict[nn.Variable, str] = {v: "the network's input" for v in inputs}
        self._inputs, self._data = set(inputs), depending(outputs, inputs)
        self._places = places(outputs, parameters)
        self.layers: Dict[Any, Layer] = {
            layer.function: layer for layer in layers(outputs, parameters)
        }
        self.parameters: Dict[Any, nn.Variable] = {}
        """The parameters of the graph by their array, in order of use."""
        self.made: List[Made] = []
        """What its layers make, in the order of execution."""
        self.added: List[np.ndarray] = []
        """Labels of what meets in additions."""
        self.selections: Dict[Any, int] = {}
        """Axis of the functions that choose among channels and put zeros between them."""

    @property
    def count(self) -> int:
        """Number of labels."""
        return self._count

    def of(self, variable: nn.Variable) -> Axes:
        """Returns the labels of a tensor along those of its axes that have any."""
        return self._labels.get(_key(variable), {})

    def all_axes(self) -> List[np.ndarray]:
        """Returns the labels along each axis of all tensors, each array once."""
        found = {id(of): of for axes in self._labels.values() for of in axes.values()}
        return list(found.values())

    def roles(self) -> Dict[int, str]:
        """Returns what parameters do along an axis, by the first label of the axis."""
        found: Dict[int, str] = {}
        for labels, role in self._roles:
            found.setdefault(int(labels.flat[0]), role)
        return found

    def place(self, function: Any) -> str:
        """Returns where a function stands, in words."""
        return self._places.get(function, str(function.info.type_name))

    def begin(self, variable: nn.Variable) -> None:
        """Gives a parameter labels of its own, if it has none."""
        if variable.parent is not None or variable in self._inputs:
            return
        if variable.data not in self._labels:
            self.parameters[variable.data] = variable
            self._labels[variable.data] = {
                axis: self.fresh(size) for axis, size in enumerate(variable.shape)
            }

    def fresh(self, size: int) -> np.ndarray:
        """Returns labels that nothing has yet."""
        self._count += size
        return np.arange(self._count - size, self._count)

    def set(self, variable: nn.Variable, axes: Axes, why: str = "") -> None:
        """Gives a computed tensor its labels; ``why`` says what its other axes are."""
        self._labels[_key(variable)] = axes
        self._whys[variable] = why

    def join(self, one: np.ndarray, other: np.ndarray) -> None:
        """Makes labels the same, entry by entry."""
        if one is not other:
            self._pairs.append((np.ravel(one), np.ravel(other)))

    def level(self, labels: np.ndarray, axis: int = 0) -> np.ndarray:
        """Makes labels the same along an axis; returns those of its first entry."""
        first = np.take(labels, [0], axis)
        self.join(np.broadcast_to(first, labels.shape), labels)
        return np.take(labels, 0, axis)

    def fix(self, labels: Optional[np.ndarray], reason: str) -> None:
        """Holds channels."""
        if labels is not None:
            self._held.append((np.ravel(labels), reason))

    def hold(self, variable: nn.Variable, reason: str, but: Sequence[int] = ()) -> None:
        """Holds all channels of a tensor, but those along some axes."""
        for axis, labels in self.of(variable).items():
            if axis not in but:
                self.fix(labels, reason)

    def mix(self, function: Any) -> None:
        """Holds all that a function reads, which computes something else of it."""
        place = self.place(function)
        for variable in function.inputs:
            self.hold(variable, f"{place} does not keep channels apart")
        for output in function.outputs:
            self.set(output, {}, f"what {place} computes")

    def why(self, variable: nn.Variable) -> str:
        """Returns what a tensor is whose axes have no labels."""
        return self._whys.get(variable) or "what keeps its size"

    def meet(
        self, function: Any, one: Optional[np.ndarray], other: Optional[np.ndarray], why: str
    ) -> None:
        """Joins what a function brings together, or holds the one where the other has no labels."""
        if one is not None and other is not None:
            self.join(one, other)
        else:
            self.fix(one if other is None else other, f"{self.place(function)} reads {why}")

    def role(self, labels: Optional[np.ndarray], role: str) -> None:
        """Notes what a parameter does along an axis."""
        if labels is not None and labels.size:
            self._roles.append((labels, role))

    def is_data(self, variable: nn.Variable) -> bool:
        """Whether a tensor depends on the network's inputs."""
        return variable in self._data

    def makes(self, function: Any, labels: np.ndarray) -> None:
        """Notes what a layer makes."""
        layer = self.layers.get(function)
        self.made.append(Made(self.place(function) if layer is None else layer.name, labels))


def _key(variable: nn.Variable) -> Any:
    return variable.data if variable.parent is None else variable
