# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The network to export: as it infers, on inputs of the export's own, with names for everything."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, Sequence, Union

import nnabla as nn

from nnabla_compress.analysis.layers import layers, parameter_names
from nnabla_compress.errors import CompressError, ConfigError, ExportError
from nnabla_compress.graph.constants import beside
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves, with_batch_statistics
from nnabla_compress.lowering.nnabla_errors import reason
from nnabla_compress.names import ascii_name
from nnabla_compress.transforms.native_layers import native_as_nodes

_OF_LOSSES = ("CrossEntropy", "SquaredError", "AbsoluteError", "HuberLoss")

Variables = Union[nn.Variable, Sequence[nn.Variable], Mapping[str, nn.Variable]]


def inference_network(inputs: Variables, outputs: Variables, batch_size: int) -> Network:
    """Builds the graph again for inference, on new inputs.

    Args:
        inputs: What the network is computed from: a Variable, a list, or a dict by name.
        outputs: What is computed, likewise.
        batch_size: Rows of the new inputs.

    Returns:
        The network; the given graph and its parameters do not change.

    Raises:
        ConfigError: If names or variables don't fit.
        ExportError: If the network can't be built with this batch size.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((64, 10))
        >>> network = inference_network(x, F.dropout(F.relu(x)), 1)
        >>> network.inputs["x"].shape, [f.info.type_name for f in functions([network.outputs["y"]])]
        ((1, 10), ['ReLU'])
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}.", help="choose 1 or more")
    given, wanted = _named(inputs, "x"), _named(outputs, "y")
    both = sorted(set(given) & set(wanted))
    if both:
        raise ConfigError(f"{both[0]!r} names an input and an output.", help="rename one of them")
    names = _names(list(wanted.values()))
    _check_inputs(given, wanted, names)
    fresh = {name: nn.Variable((batch_size, *old.shape[1:])) for name, old in given.items()}
    replaced = {given[name]: fresh[name] for name in given}
    replaced.update(_same_parameters(list(wanted.values()), given.values()))
    try:
        made = with_batch_statistics(list(wanted.values()), False, replaced)
    except CompressError:
        raise
    except Exception as error:  # NNabla's engine: shapes that don't fit
        help = "give batch_size= as the network was built, or build it with -1 in shapes"
        types = [function.info.type_name for function in functions(list(wanted.values()))]
        if any(name.endswith(_OF_LOSSES) for name in types):
            help = "export what the network answers, before its loss and without the labels"
        raise ExportError(
            f"the network can't be built with batch size {batch_size}: {reason(error)}.", help=help
        ) from error
    for name, variable in zip(wanted, made):
        if variable.parent is None:
            raise ExportError(
                f"output {name} is not computed by any function.", help="name another variable"
            )
    known = {names[leaf.data]: leaf for leaf in leaves(made) if leaf.data in names}
    made, _ = native_as_nodes(made, known, {}, True)
    return Network(fresh, dict(zip(wanted, made)), paths=names)


def _named(variables: Variables, letter: str) -> Dict[str, nn.Variable]:
    if isinstance(variables, nn.Variable):
        variables = [variables]
    named: Dict[str, nn.Variable] = {}
    if isinstance(variables, Mapping):
        named.update((ascii_name(name), variable) for name, variable in variables.items())
    else:
        for number, variable in enumerate(variables):
            name = variable.name or (f"{letter}{number}" if len(variables) > 1 else letter)
            named[f"{name}_{number}" if name in named else name] = variable
    if not named:
        raise ConfigError("an export needs inputs and outputs.", help="give at least one of each")
    if len(set(named.values())) != len(named):
        raise ConfigError(
            f"{', '.join(named)}: two names for one variable.", help="give each variable one name"
        )
    return named


def _names(outputs: List[nn.Variable]) -> Dict[Any, str]:
    """Returns the paths of the parameters, with made-up ones for layers that have none."""
    names = parameter_names(outputs)
    for layer in layers(outputs):
        names.setdefault(layer.weight.data, layer.weight_name)
        if layer.bias is not None:
            names.setdefault(layer.bias.data, beside(layer.weight_name, "b"))
    return names


def _same_parameters(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]
) -> Dict[nn.Variable, nn.Variable]:
    """Returns, for each Variable of a parameter that has several, the one to take its place."""
    first: Dict[Any, nn.Variable] = {}
    same: Dict[nn.Variable, nn.Variable] = {}
    for leaf in leaves(outputs):
        if leaf not in inputs and first.setdefault(leaf.data, leaf) is not leaf:
            same[leaf] = first[leaf.data]
    return same


def _check_inputs(
    inputs: Dict[str, nn.Variable], outputs: Dict[str, nn.Variable], names: Mapping[Any, str]
) -> None:
    """Refuses inputs that are not used: variables of another graph, most likely."""
    order = functions(list(outputs.values()), stop=list(inputs.values()))
    used = {variable for function in order for variable in function.inputs}
    for name, variable in inputs.items():
        if variable.ndim == 0:
            raise ConfigError(f"input {name} has no batch axis.", help="give it the shape (B, ...)")
        if variable not in used:
            raise ConfigError(
                f"input {name} is not used by the outputs {', '.join(outputs)}.",
                help="give the variables of one graph",
            )
        if variable.data in names and names[variable.data] != variable.name:
            raise ConfigError(
                f"input {name} is the parameter {names[variable.data]}.",
                help="give the variables that data are put into",
            )
