# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A stored network that is built several times: copies of one graph, which nobody runs.

NNabla reads the description of a network function by function, which takes five times as long.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Hashable, Mapping, NamedTuple, Set

import nnabla as nn

from nnabla_compress.graph.rewrite import rebuild


class Built(NamedTuple):
    """A graph.

    Args:
        inputs: Its inputs by name.
        outputs: Its outputs by name.
        parameters: Its parameters by path.
        has_own: Whether parameters are others than those of the file.
    """

    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]
    parameters: Dict[str, nn.Variable]
    has_own: bool


Build = Callable[[Mapping[str, nn.Variable]], Built]


class Copies:
    """Builds graphs, from the third time on as copies.

    What is built once or twice is not worth a graph to copy from.

    Example:
        >>> import nnabla.functions as F
        >>> build = lambda given: Built(dict(given), {"y": F.tanh(given["x"])}, {}, False)
        >>> copies, x = Copies(), nn.Variable((1, 4))
        >>> [copies.build("net", {"x": x}, build).outputs["y"].shape for _ in range(3)]
        [(1, 4), (1, 4), (1, 4)]
    """

    def __init__(self) -> None:
        self._seen: Set[Hashable] = set()
        self._models: Dict[Hashable, Built] = {}

    def build(self, what: Hashable, given: Mapping[str, nn.Variable], build: Build) -> Built:
        """Returns a graph on given inputs.

        Args:
            what: Tells graphs apart that differ in more than their inputs.
            given: Inputs by name.
            build: Builds the graph on inputs.
        """
        shapes = tuple((name, v.shape, v.need_grad) for name, v in given.items())
        key = (what, shapes)
        if key not in self._seen:
            self._seen.add(key)
            return build(given)
        if key not in self._models:
            fresh = {name: nn.Variable(v.shape, need_grad=v.need_grad) for name, v in given.items()}
            self._models[key] = build(fresh)
        model = self._models[key]
        if model.has_own or set(model.inputs) != set(given):
            return build(given)
        return _copy(model, given)


def _copy(model: Built, given: Mapping[str, nn.Variable]) -> Built:
    parameters = {}
    for path, parameter in model.parameters.items():
        parameters[path] = parameter.get_unlinked_variable(need_grad=parameter.need_grad)
        parameters[path].name = parameter.name
    new: Dict[Any, nn.Variable] = {model.inputs[name]: v for name, v in given.items()}
    new.update((parameter, parameters[path]) for path, parameter in model.parameters.items())
    with nn.auto_forward(False):
        outputs = rebuild(list(model.outputs.values()), inputs=new)
    return Built(dict(given), dict(zip(model.outputs, outputs)), parameters, False)
