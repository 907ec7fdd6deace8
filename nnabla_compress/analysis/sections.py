# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sections of a network: where it can be cut, and what passes from one part to the next.

A cut is named by a map. All that the map is computed from lies before it, everything else behind
it; what is read behind it of what was computed before passes the cut: beside the map itself, each
skip connection that leads across it. At a cut point nothing but its map passes.

Quantizers of maps belong to the part that reads the map, so a part is given floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn

from nnabla_compress.analysis.feature_maps import named_maps
from nnabla_compress.analysis.layers import Layer, layers, parameter_names
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import ACTIVATIONS
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import depending, functions, leaves_of
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.turns import one_at_a_time

# Names that a message lists.
_MOST_LISTED = 20


@dataclass(frozen=True)
class Section:
    """A part of a network, from what it reads to what it gives.

    Args:
        number: Which one, from 1.
        inputs: Names of the inputs of the network that it reads.
        reads: Names of the maps that it reads of sections before.
        gives: Names of the maps that sections behind read; the last section gives none but the
            output of the network.
        sources: For each of ``reads`` the number of the section that gives it.
        layers: Names of its layers.
        parameters: Paths of the parameters that a training changes.
        macs: Multiply-accumulate operations of its layers for one sample.
    """

    number: int
    inputs: Tuple[str, ...]
    reads: Tuple[str, ...]
    gives: Tuple[str, ...]
    sources: Tuple[int, ...]
    layers: Tuple[str, ...]
    parameters: Tuple[str, ...]
    macs: int

    @property
    def is_last(self) -> bool:
        """Whether it gives the output of the network."""
        return not self.gives

    def ends(self, network: Network, maps: Mapping[str, nn.Variable]) -> List[nn.Variable]:
        """Returns what it gives in a network.

        Args:
            network: The network.
            maps: Its maps by name.
        """
        return [network.output] if self.is_last else [maps[name] for name in self.gives]

    def starts(self, network: Network, maps: Mapping[str, nn.Variable]) -> Dict[str, nn.Variable]:
        """Returns what it reads in a network, by name.

        Args:
            network: The network.
            maps: Its maps by name.
        """
        return {
            **{name: network.inputs[name] for name in self.inputs},
            **{name: maps[name] for name in self.reads},
        }


def maps_of(network: Network) -> Dict[str, nn.Variable]:
    """Returns every map of a network by name, in order of execution.

    Args:
        network: The network.
    """
    return named_maps(network.all_outputs, network.all_inputs)


class _Graph:
    """A network with what its functions depend on, looked at once."""

    def __init__(self, network: Network) -> None:
        self.network, outputs = network, network.all_outputs
        self.order = functions(outputs)
        self.dynamic = depending(outputs, network.all_inputs)
        self.maps = maps_of(network)
        self.names = {variable: name for name, variable in self.maps.items()}
        self.names.update((variable, name) for name, variable in network.inputs.items())
        self.at = {v: n for n, function in enumerate(self.order) for v in function.outputs}
        # By weight: what shares it is one layer to those who count, and as many to who computes.
        self.layers: Dict[Any, Layer] = {each.function: each for each in layers(outputs)}
        self.paths = parameter_names(outputs)
        self.given = set(network.all_inputs)

    def named(self, variable: nn.Variable) -> nn.Variable:
        """The map that a variable is, or that a quantizer has made it of."""
        function = variable.parent
        while function is not None and quantizer_of(function) is not None:
            if function.inputs[0] not in self.dynamic:
                break
            variable = function.inputs[0]
            function = variable.parent
        return variable

    def read(self, function: Any) -> List[nn.Variable]:
        """The maps and inputs of the network that a function reads."""
        return [self.named(v) for v in function.inputs if v in self.dynamic]

    def is_quantizer(self, function: Any) -> bool:
        """Whether a function quantizes a map."""
        return quantizer_of(function) is not None and function.inputs[0] in self.dynamic

    def computing(self) -> List[Tuple[int, Any]]:
        """The functions that compute maps, with their places in the order; no quantizers."""
        return [
            (number, function)
            for number, function in enumerate(self.order)
            if any(v in self.dynamic for v in function.outputs) and not self.is_quantizer(function)
        ]

    def parameters_of(self, ends: Sequence[nn.Variable], stop: Sequence[nn.Variable]) -> List[Any]:
        """The leaves behind some variables that are parameters of a path, in order of use."""
        found = leaves_of(functions(ends, stop=stop), ends)
        return [leaf for leaf in found if leaf.data in self.paths and leaf not in self.given]


@one_at_a_time
def cut_points(network: Network) -> List[str]:
    """Returns the names of the maps that everything behind them passes, in order of execution.

    These are the articulation points of the graph. Where a parameter is read on both sides, as in
    the steps of a loop, is none, nor is the output.

    Args:
        network: The network, for inference.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> h = F.relu(PF.affine(x, 4, name="a"))
        >>> y = PF.affine(F.add2(PF.affine(h, 4, name="b"), h), 2, name="c")
        >>> cut_points(Network({"x": x}, {"y": y}))
        ['a/affine', 'a/affine/relu', 'b/affine/add2']
    """
    graph = _Graph(network)
    left: Dict[nn.Variable, int] = {}
    for _, function in graph.computing():
        for variable in graph.read(function):
            left[variable] = left.get(variable, 0) + 1
    for output in network.all_outputs:
        output = graph.named(output)
        left[output] = left.get(output, 0) + 1
    alive = {variable for variable in graph.given if left.get(variable)}
    single: List[nn.Variable] = []
    for _, function in graph.computing():
        for variable in graph.read(function):
            left[variable] -= 1
            if not left[variable]:
                alive.discard(variable)
        alive.update(v for v in function.outputs if left.get(v))
        if len(alive) == 1:
            single += [v for v in alive if v in graph.names and v not in graph.given]
    ends = {graph.named(output) for output in network.all_outputs}
    found = [v for v in dict.fromkeys(single) if v not in ends]
    return [graph.names[v] for v in found if not _shared_across(graph, v)]


def _shared_across(graph: _Graph, variable: nn.Variable) -> bool:
    """Whether the parts before and behind a map read the same parameter."""
    before = {leaf.data for leaf in graph.parameters_of([variable], [])}
    behind = graph.parameters_of(graph.network.all_outputs, [variable])
    return any(leaf.data in before for leaf in behind)


@one_at_a_time
def blocks(network: Network) -> List[str]:
    """Returns the cut points around the residual blocks of a network, and any others with branches.

    A block begins where a map is read by several branches, and ends where they have come together,
    behind the activation function there.

    Args:
        network: The network, for inference.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> h = F.relu(PF.affine(x, 4, name="a"))
        >>> h = F.relu(F.add2(PF.affine(h, 4, name="b"), h))
        >>> blocks(Network({"x": x}, {"y": PF.affine(h, 2, name="c")}))
        ['a/affine/relu', 'b/affine/relu']
    """
    graph, points = _Graph(network), cut_points(network)
    ends = [
        graph.names[graph.named(y)] for y in network.all_outputs if graph.named(y) in graph.names
    ]
    found: List[str] = []
    for number, (start, end) in enumerate(zip(points, [*points[1:], *ends[:1]])):
        if graph.read(graph.maps[end].parent) == [graph.maps[start]]:
            continue
        found.append(start)
        behind = number + 1
        while behind + 1 < len(points) and _activates(graph, points[behind + 1], points[behind]):
            behind += 1
        if behind < len(points):
            found.append(points[behind])
    return list(dict.fromkeys(found))


def _activates(graph: _Graph, name: str, before: str) -> bool:
    """Whether a map is what an activation function makes of another one."""
    function = graph.maps[name].parent
    return function.info.type_name in ACTIVATIONS and graph.read(function) == [graph.maps[before]]


@one_at_a_time
def even_cuts(
    network: Network, count: int, by: str = "operations", among: Sequence[str] = ()
) -> List[str]:
    """Returns cut points that make parts of a network as even as they can be.

    A part begins with a layer: the cut is behind all that follows the layer before it. The cost of
    the dearest part is the least possible.

    Args:
        network: The network, for inference.
        count: How many parts, at least 2.
        by: What is to be even: ``"operations"`` (of the layers, multiply-accumulate) or
            ``"layers"``.
        among: The cut points to choose from.

    Raises:
        ConfigError: If the network can't be cut into so many parts.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = h = nn.Variable((1, 8))
        >>> for name in "abcd":
        ...     h = F.relu(PF.affine(h, 8, name=name))
        >>> even_cuts(Network({"x": x}, {"y": h}), 2, among=cut_points(Network({"x": x}, {"y": h})))
        ['b/affine/relu']
    """
    candidates, costs = _before_layers(_Graph(network), among, by)
    if count > len(costs):
        raise ConfigError(
            f"sections: the network can be cut between its layers into {max(len(costs), 1)} "
            f"section(s) at most, {count} are asked for.",
            help=f"ask for fewer, or name maps: {_listed(among)}",
        )
    chosen = _most_even(costs, count)
    return [candidates[number - 1] for number in chosen]


@one_at_a_time
def most_sections(network: Network, among: Sequence[str]) -> int:
    """Returns into how many parts with a layer each a network can be cut.

    Args:
        network: The network, for inference.
        among: The cut points to choose from.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 8))
        >>> network = Network({"x": x}, {"y": PF.affine(PF.affine(x, 4, name="a"), 2, name="b")})
        >>> most_sections(network, cut_points(network))
        2
    """
    return len(_before_layers(_Graph(network), among, "layers")[1])


def _before_layers(graph: _Graph, among: Sequence[str], by: str) -> Tuple[List[str], List[float]]:
    """Cut points with a layer before and one behind each, and the cost of the parts between."""
    found: List[str] = []
    costs: List[float] = []
    stop: List[nn.Variable] = []
    before = ""
    for name in [*among, ""]:
        end = graph.maps[name] if name else graph.network.all_outputs[0]
        part = [graph.layers[f] for f in functions([end], stop=stop) if f in graph.layers]
        if part and costs:
            found.append(before)
        if part:
            costs.append(float(sum(each.macs if by == "operations" else 1 for each in part)))
        stop, before = [end], name
    return found, costs


def _most_even(costs: Sequence[float], count: int) -> List[int]:
    """Where to cut a row of costs so that the largest sum is the least; the earliest such cuts."""
    sums = [0.0]
    for cost in costs:
        sums.append(sums[-1] + cost)
    # best[k][n]: the least largest sum of the first n costs in k parts, and the last cut.
    best: List[List[Tuple[float, int]]] = [[(sums[n], 0) for n in range(len(sums))]]
    for parts in range(2, count + 1):
        row: List[Tuple[float, int]] = []
        for n in range(len(sums)):
            options = [
                (max(best[-1][cut][0], sums[n] - sums[cut]), cut) for cut in range(parts - 1, n)
            ]
            row.append(min(options, default=(float("inf"), 0)))
        best.append(row)
    cuts: List[int] = []
    n = len(costs)
    for row in reversed(best[1:]):
        n = row[n][1]
        cuts.append(n)
    return cuts[::-1]


@one_at_a_time
def sections_of(network: Network, at: Sequence[str]) -> List[Section]:
    """Returns the parts of a network between cuts, in order.

    Args:
        network: The network; one output.
        at: Names of the maps where it is cut, in any order.

    Raises:
        ConfigError: If there is no such map, a part is empty or has nothing to train, or a
            parameter is read in several.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> h = F.relu(PF.affine(x, 4, name="a"))
        >>> y = F.add2(PF.affine(F.relu(PF.affine(h, 4, name="b")), 4, name="c"), h)
        >>> parts = sections_of(Network({"x": x}, {"y": y}), ["b/affine/relu"])
        >>> [(part.gives, part.reads, part.layers) for part in parts]  # doctest: +ELLIPSIS
        [(('a/affine/relu', 'b/affine/relu'), (), ('a/affine', 'b/affine')), ...]
    """
    graph = _Graph(network)
    known = set(graph.maps)
    for name in at:
        if name not in known:
            raise ConfigError(
                f"sections: the network has no map {name!r} to be cut at.",
                help=did_you_mean(name, _some(cut_points(network)), "it can be cut at"),
            )
    cuts = sorted(dict.fromkeys(at), key=lambda name: graph.at[graph.maps[name]])
    number_of: Dict[Any, int] = {}
    for number, name in enumerate(cuts, 1):
        for function in functions([graph.maps[name]]):
            number_of.setdefault(function, number)
    for function in graph.order:
        number_of.setdefault(function, len(cuts) + 1)
    reads: List[Dict[str, int]] = [{} for _ in range(len(cuts) + 1)]
    inputs: List[Dict[str, None]] = [{} for _ in range(len(cuts) + 1)]
    gives: List[Dict[str, None]] = [{} for _ in range(len(cuts) + 1)]
    for _, function in graph.computing():
        own = number_of[function]
        for variable in graph.read(function):
            name = graph.names[variable]
            if variable in graph.given:
                inputs[own - 1][name] = None
                continue
            source = number_of[variable.parent]
            if source != own:
                reads[own - 1][name] = source
                gives[source - 1][name] = None
    found: List[Section] = []
    owners: Dict[Any, int] = {}
    for number in range(1, len(cuts) + 2):
        here = [f for _, f in graph.computing() if number_of[f] == number]
        last = number == len(cuts) + 1
        named = tuple(name for name in graph.maps if name in gives[number - 1])
        if not (named or last):  # its cut is the output
            raise _nothing_to_train(network, cuts, number + 1)
        ends = network.all_outputs if last else [graph.maps[name] for name in named]
        stop = [graph.maps[name] for name in reads[number - 1]]
        parameters = graph.parameters_of(ends, stop)
        _check_owners(graph, parameters, owners, number, cuts)
        trained = tuple(
            dict.fromkeys(graph.paths[leaf.data] for leaf in parameters if leaf.need_grad)
        )
        if not trained:
            raise _nothing_to_train(network, cuts, number)
        own_layers = [graph.layers[f] for f in here if f in graph.layers]
        found.append(
            Section(
                number,
                tuple(inputs[number - 1]),
                tuple(reads[number - 1]),
                named,
                tuple(reads[number - 1].values()),
                tuple(dict.fromkeys(each.name for each in own_layers)),
                trained,
                sum(each.macs for each in own_layers),
            )
        )
    return found


def _check_owners(
    graph: _Graph,
    parameters: Sequence[nn.Variable],
    owners: Dict[Any, int],
    number: int,
    cuts: Sequence[str],
) -> None:
    """Refuses a parameter that an earlier section has, too: each would train it another way."""
    for leaf in parameters:
        other = owners.setdefault(leaf.data, number)
        if other != number:
            raise ConfigError(
                f"sections: {graph.paths[leaf.data]} belongs to section {other} and to section "
                f"{number} if the network is cut at {', '.join(cuts)}.",
                help="it must be in one, as must all steps of a loop; without that the network can "
                f"be cut at: {_listed(cut_points(graph.network))}",
            )


def _nothing_to_train(network: Network, cuts: Sequence[str], number: int) -> ConfigError:
    start = f"behind {cuts[number - 2]}" if number > 1 else "from the input"
    end = f" to {cuts[number - 1]}" if number <= len(cuts) else " to the output"
    return ConfigError(
        f"sections: section {number}, {start}{end}, has nothing to train.",
        help=f"leave one of these cuts out; the network can be cut at: "
        f"{_listed(cut_points(network))}",
    )


def _some(names: Sequence[str]) -> List[str]:
    return list(names[:_MOST_LISTED])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return (", ".join(_some(names)) or "nowhere") + more


def trainable(network: Network, names: Sequence[str]) -> List[str]:
    """Returns the cuts among some that leave no section without anything to train.

    Args:
        network: The network.
        names: Cut points, in order of execution.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = F.relu(PF.affine(F.relu(PF.affine(x, 3)), 2, name="b"))
        >>> network = Network({"x": x}, {"y": y})
        >>> trainable(network, ["affine", "affine/relu", "b/affine"])
        ['affine']
    """
    graph = _Graph(network)
    kept: List[str] = []
    stop: List[nn.Variable] = []
    for name in names:
        end = graph.maps[name]
        before = any(leaf.need_grad for leaf in graph.parameters_of([end], stop))
        behind = any(leaf.need_grad for leaf in graph.parameters_of(network.all_outputs, [end]))
        if before and behind:
            kept.append(name)
            stop = [end]
    return kept
