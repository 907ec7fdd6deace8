# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing a graph of native functions to an ``.nnp`` and reading it back, each in its own scope."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.agreement import agreement
from nnabla_compress.errors import VerifyError, unwrapped
from nnabla_compress.exporters.converter_settings import SETTINGS, to_yaml
from nnabla_compress.exporters.metadata import METADATA
from nnabla_compress.exporters.nnp_members import (
    add_members,
    members_differ,
    network_text,
    write_members,
)
from nnabla_compress.exporters.tolerance import ANOTHER_ORDER
from nnabla_compress.files import json_text
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.graph.rows_apart import same_for_each_row
from nnabla_compress.graph.same import same_functions
from nnabla_compress.logs import quiet
from nnabla_compress.lowering.nnabla_errors import reason
from nnabla_compress.models.stored_text import parsed_once
from nnabla_compress.names import free_name

NETWORK, EXECUTOR = "Validation", "Runtime"


@dataclass(frozen=True)
class NamedGraph:
    """A graph whose inputs, outputs and parameters have names.

    Args:
        inputs: Inputs by name.
        outputs: Outputs by name.
        parameters: Parameters by path; those in use only.
        computed: Other variables whose names matter, by name.
        types: How the C runtime holds a variable, by name, where it is not as floats.
        deferred: Values of parameters that are not in memory.
    """

    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]
    parameters: Dict[str, nn.Variable]
    computed: Dict[str, nn.Variable] = field(default_factory=dict)
    types: Dict[str, str] = field(default_factory=dict)
    deferred: Deferred = field(default_factory=Deferred)


def name_graph(
    inputs: Mapping[str, nn.Variable],
    outputs: Mapping[str, nn.Variable],
    names: Mapping[Any, str],
    types: Mapping[nn.Variable, str],
    deferred: Optional[Deferred] = None,
) -> NamedGraph:
    """Gives each parameter of a graph one path, and each variable of another type a name.

    Args:
        inputs: The network's inputs by name.
        outputs: Its outputs by name.
        names: Known paths by array. New parameters are called as their Variables; of several with
            one path the later ones get a number.
        types: Types of variables that are not held as floats.
        deferred: Values of parameters that are not in memory.
    """
    dynamic = set(inputs.values())
    paths: Dict[Any, str] = {}
    parameters: Dict[str, nn.Variable] = {}
    parameters_read = [leaf for leaf in leaves(list(outputs.values())) if leaf not in dynamic]
    # NNabla holds no parameter under the name of a scope.
    scopes = {
        path[:end]
        for path in (names.get(leaf.data, leaf.name) for leaf in parameters_read)
        for end, letter in enumerate(path)
        if letter == "/"
    }
    for leaf in parameters_read:
        if leaf.data in paths:
            continue
        wanted = names.get(leaf.data, leaf.name) or f"parameter_{len(parameters) + 1}"
        path = free_name(wanted, {*parameters, *scopes})
        parameters[path], paths[leaf.data] = leaf, path
    known = {variable: name for named in (inputs, outputs) for name, variable in named.items()}
    computed: Dict[str, nn.Variable] = {}
    stated: Dict[str, str] = {}
    for variable, type_text in types.items():
        name = paths.get(variable.data) if variable.parent is None else None
        name = known.get(variable, name)
        if name is None:
            taken = {**parameters, **computed, **inputs, **outputs}
            # NNabla gives variables without a name "@network/Function_out": a name of that form,
            # from a file, would stand for two variables.
            own = "" if variable.name.startswith("@") else variable.name
            name = free_name(own or f"{variable.parent.info.type_name}_out", taken)
            computed[name] = variable
        stated[name] = type_text
    return NamedGraph(
        dict(inputs), dict(outputs), parameters, computed, stated, deferred or Deferred()
    )


def add_metadata(path: Path, metadata: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Adds members to an ``.nnp`` that NNabla's readers pass over.

    Args:
        path: The file.
        metadata: What JSON can hold.
        types: Types of variables for the converter to ``.nnb``; nothing is added if there are none.
    """
    members = {METADATA: json_text(metadata).encode("utf-8")}
    if types:
        members[SETTINGS] = to_yaml(types).encode("utf-8")
    add_members(path, members)


def write_and_read_back(
    path: Path,
    graph: NamedGraph,
    batch_size: int,
    rounds: Sequence[Sequence[np.ndarray]],
    computed: Sequence[Sequence[np.ndarray]] = (),
) -> bool:
    """Writes an ``.nnp``, for any batch size if NNabla can, and compares what it computes.

    The file holds the network ``Validation`` and the executor ``Runtime``. NNabla can't leave the
    batch size open where a function counts it in with other axes.

    Args:
        path: The file.
        graph: What to write; native functions only.
        batch_size: Batch size that the file states.
        rounds: Arrays for the inputs, to run the graph and the file on; none where NNabla can't.
        computed: What the graph gives for the first of them, as far as that is known.

    Returns:
        Whether the file can be loaded with any batch size.

    Raises:
        VerifyError: If the file does not compute the same values.
    """
    scope: OrderedDict[str, Any] = OrderedDict()
    with nn.parameter_scope("", scope):
        for name, parameter in graph.parameters.items():
            nn.parameter.set_parameter(name, parameter)
    trials = _Trials(graph, rounds, computed)
    problem = ""
    for any_batch_size in (True, False):
        try:
            with unwrapped(), nn.parameter_scope("", scope), quiet():
                text = network_text(_contents(graph, batch_size), any_batch_size)
                problem = _problem_of(text, graph, batch_size, any_batch_size, trials)
        except OSError:
            raise
        except Exception as error:  # NNabla refuses in many ways
            problem = reason(error)
        if not problem:
            codes = graph.deferred.codes
            write_members(path, text, graph.parameters, codes)
            problem = members_differ(path, text, graph.parameters, codes)
            if problem:
                break
            return any_batch_size
    raise VerifyError(
        f"what was written to {path.name} does not read back as it was: {problem}.",
        help="please report this network",
    )


def _contents(graph: NamedGraph, batch_size: int) -> Dict[str, Any]:
    network = {
        "name": NETWORK,
        "batch_size": batch_size,
        "outputs": graph.outputs,
        "names": {**graph.computed, **graph.inputs},
    }
    ports = {"data": list(graph.inputs), "output": list(graph.outputs)}
    return {
        "networks": [network],
        "executors": [{"name": EXECUTOR, "network": NETWORK, **ports}],
    }


def _read(
    text: str, graph: NamedGraph, batch_size: int
) -> Tuple[List[nn.Variable], List[nn.Variable]]:
    """Reads a text as NNabla does, on the arrays of the graph's parameters."""
    scope: OrderedDict[str, Any] = OrderedDict()
    with nn.parameter_scope("", scope), parsed_once():
        for name, parameter in graph.parameters.items():
            # Reading makes all parameters trainable.
            nn.parameter.set_parameter(name, parameter.get_unlinked_variable())
        loader = NnpLoader(io.StringIO(text), scope=scope, extension=".nntxt")
        network = loader.get_network(NETWORK, batch_size=batch_size)
    return (
        [network.variables[name] for name in graph.inputs],
        [network.variables[name] for name in graph.outputs],
    )


class _Trials:
    """Values of a graph's inputs, and what it computes of these.

    Args:
        graph: The graph.
        rounds: Arrays for the inputs.
        known: What the graph gives for the first of them.
    """

    def __init__(
        self,
        graph: NamedGraph,
        rounds: Sequence[Sequence[np.ndarray]],
        known: Sequence[Sequence[np.ndarray]],
    ) -> None:
        self.rounds = rounds
        self._graph = graph
        self._known = list(known)

    def expected(self, number: int) -> Sequence[np.ndarray]:
        """Returns what the graph gives for a round; rounds are asked for one after the other."""
        if number == len(self._known):
            outputs, fill = self._graph.deferred.runnable(list(self._graph.outputs.values()))
            inputs = list(self._graph.inputs.values())
            self._known.append(run(inputs, outputs, self.rounds[number], fill))
        return self._known[number]


def _problem_of(
    text: str, graph: NamedGraph, batch_size: int, any_batch_size: bool, trials: _Trials
) -> str:
    """Returns what is wrong with the text of a network, "" if nothing is.

    Args:
        text: The text.
        graph: What it must compute.
        batch_size: Batch size that the text states.
        any_batch_size: Whether it must hold for others.
        trials: Arrays for the inputs, and what the graph gives for them.
    """
    count = len(trials.rounds)
    own = list(graph.inputs.values()), list(graph.outputs.values())
    for times in (1, 2) if any_batch_size and count else (1,):
        inputs, outputs = _read(text, graph, times * batch_size)
        # NNabla may leave a batch size as it is.
        grown = all(v.shape[0] == times * given.shape[0] for v, given in zip(inputs, own[0]))
        if times > 1 and grown and same_for_each_row(*own, inputs, outputs):
            continue
        # One round is enough for other batch sizes, and for the same functions of the same arrays.
        once = times > 1 or same_functions(*own, inputs, outputs)
        copy = graph.deferred.of_copy(own[1], outputs)
        outputs, fill = copy.runnable(outputs)
        for number in range(min(count, 1) if once else count):
            values, expected = trials.rounds[number], trials.expected(number)
            got = run(inputs, outputs, [_repeated(value, times) for value in values], fill)
            largest = agreement([_repeated(value, times) for value in expected], got).largest
            if times == 1 and largest > 0:
                return f"it differs by {largest:.3g} of the output"
            if largest > ANOTHER_ORDER:
                return f"with batch size {2 * batch_size} it computes something else"
    return ""


def _repeated(values: np.ndarray, times: int) -> np.ndarray:
    return values if times == 1 else np.concatenate([values] * times)
