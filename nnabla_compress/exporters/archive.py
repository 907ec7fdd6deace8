# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing a graph of native functions to an ``.nnp`` and reading it back, each in its own scope."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.utils.save
import numpy as np
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.errors import VerifyError, unwrapped
from nnabla_compress.exporters.converter_settings import SETTINGS, to_yaml
from nnabla_compress.exporters.metadata import METADATA
from nnabla_compress.exporters.nnabla_errors import reason
from nnabla_compress.files import json_text
from nnabla_compress.graph.compare import difference, run
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.logs import quiet
from nnabla_compress.names import free_name

NETWORK, EXECUTOR = "Validation", "Runtime"
_OTHER_BATCH_SIZE = 1e-4  # other batch sizes add in another order

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can state
_MODE = 0o644
_LEVEL = 3  # of zlib: higher ones take longer and gain little


@dataclass(frozen=True)
class NamedGraph:
    """A graph whose inputs, outputs and parameters have names.

    Args:
        inputs: Inputs by name.
        outputs: Outputs by name.
        parameters: Parameters by path; those in use only.
        computed: Other variables whose names matter, by name.
        types: How the C runtime holds a variable, by name, where it is not as floats.
    """

    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]
    parameters: Dict[str, nn.Variable]
    computed: Dict[str, nn.Variable] = field(default_factory=dict)
    types: Dict[str, str] = field(default_factory=dict)


def name_graph(
    inputs: Mapping[str, nn.Variable],
    outputs: Mapping[str, nn.Variable],
    names: Mapping[Any, str],
    types: Mapping[nn.Variable, str],
) -> NamedGraph:
    """Gives each parameter of a graph one path, and each variable of another type a name.

    Args:
        inputs: The network's inputs by name.
        outputs: Its outputs by name.
        names: Known paths by array. New parameters are called as their Variables; of several with
            one path the later ones get a number.
        types: Types of variables that are not held as floats.
    """
    dynamic = set(inputs.values())
    paths: Dict[Any, str] = {}
    parameters: Dict[str, nn.Variable] = {}
    for leaf in leaves(list(outputs.values())):
        if leaf in dynamic or leaf.data in paths:
            continue
        wanted = names.get(leaf.data, leaf.name) or f"parameter_{len(parameters) + 1}"
        path = free_name(wanted, parameters)
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
    return NamedGraph(dict(inputs), dict(outputs), parameters, computed, stated)


def write(path: Path, graph: NamedGraph, batch_size: int, any_batch_size: bool) -> None:
    """Writes an ``.nnp`` with the network ``Validation`` and the executor ``Runtime``.

    Args:
        path: The file, replaced if there.
        graph: What to write; native functions only.
        batch_size: Batch size that the file states.
        any_batch_size: Whether the first axis is left open.
    """
    contents = {
        "networks": [
            {
                "name": NETWORK,
                "batch_size": batch_size,
                "outputs": graph.outputs,
                "names": {**graph.computed, **graph.inputs},
            }
        ],
        "executors": [
            {
                "name": EXECUTOR,
                "network": NETWORK,
                "data": list(graph.inputs),
                "output": list(graph.outputs),
            }
        ],
    }
    scope: OrderedDict[str, Any] = OrderedDict()
    with nn.parameter_scope("", scope), quiet():
        for name, parameter in graph.parameters.items():
            nn.parameter.set_parameter(name, parameter)
        nnabla.utils.save.save(str(path), contents, variable_batch_size=any_batch_size)


def add_metadata(path: Path, metadata: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Adds members to an ``.nnp`` that NNabla's readers pass over, and packs it anew.

    Args:
        path: The file.
        metadata: What JSON can hold.
        types: Types of variables for the converter to ``.nnb``; nothing is added if there are none.
    """
    members = {METADATA: json_text(metadata).encode("utf-8")}
    if types:
        members[SETTINGS] = to_yaml(types).encode("utf-8")
    pack_anew(path, members)


def pack_anew(path: Path, more: Optional[Mapping[str, bytes]] = None) -> None:
    """Deflates the members of an ``.nnp``, all of one date: the same network, the same bytes.

    NNabla stores members of the zip as they are. Codes are floats in an ``.nnp``, 32 bits for one
    to eight: deflated, as any reader of zips takes it, they take little more than their bits.

    Args:
        path: The file.
        more: Members to add, by name.
    """
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    members.update(more or {})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE << 16
            archive.writestr(entry, content, compresslevel=_LEVEL)


def read(
    path: Path, inputs: Sequence[str], outputs: Sequence[str], batch_size: int
) -> Tuple[List[nn.Variable], List[nn.Variable]]:
    """Reads a file that :func:`write` wrote.

    Args:
        path: The file.
        inputs: Names of inputs.
        outputs: Names of outputs.
        batch_size: Rows of the inputs.

    Returns:
        Input and output variables in the order of the names.
    """
    scope: OrderedDict[str, Any] = OrderedDict()
    with nn.parameter_scope("", scope), quiet():
        network = NnpLoader(str(path)).get_network(NETWORK, batch_size=batch_size)
    return (
        [network.variables[name] for name in inputs],
        [network.variables[name] for name in outputs],
    )


def write_and_read_back(
    path: Path, graph: NamedGraph, batch_size: int, rounds: Sequence[Sequence[np.ndarray]]
) -> bool:
    """Writes an ``.nnp``, for any batch size if NNabla can, and compares what it computes.

    NNabla can't leave the batch size open where a function counts it in with other axes.

    Args:
        path: The file.
        graph: What to write; native functions only.
        batch_size: Batch size that the file states.
        rounds: Arrays for the inputs, to run the graph and the file on; none where NNabla can't.

    Returns:
        Whether the file can be loaded with any batch size.

    Raises:
        VerifyError: If the file does not compute the same values.
    """
    problem = ""
    for any_batch_size in (True, False):
        try:
            with unwrapped():
                write(path, graph, batch_size, any_batch_size)
                problem = _problem_of(path, graph, batch_size, any_batch_size, rounds)
        except OSError:
            raise
        except Exception as error:  # NNabla refuses in many ways
            problem = reason(error)
        if not problem:
            return any_batch_size
    raise VerifyError(
        f"what was written to {path.name} does not read back as it was: {problem}.",
        help="please report this network",
    )


def _problem_of(
    path: Path,
    graph: NamedGraph,
    batch_size: int,
    any_batch_size: bool,
    rounds: Sequence[Sequence[np.ndarray]],
) -> str:
    """Returns what is wrong with the written file, "" if nothing is."""
    own = list(graph.inputs.values()), list(graph.outputs.values())
    back = read(path, list(graph.inputs), list(graph.outputs), batch_size)
    for values in rounds:
        apart = difference(run(*own, values), run(*back, values))
        if apart.largest > 0:
            return f"it differs by {apart.largest:.3g} of the output"
    if any_batch_size and rounds:
        twice = read(path, list(graph.inputs), list(graph.outputs), 2 * batch_size)
        got = run(*twice, [np.concatenate([value, value]) for value in rounds[0]])
        expected = [np.concatenate([value, value]) for value in run(*own, rounds[0])]
        if difference(expected, got).largest > _OTHER_BATCH_SIZE:
            return f"with batch size {2 * batch_size} it computes something else"
    return ""
