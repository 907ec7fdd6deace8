# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which channels of which tensors must go together, so that a network can be made smaller.

A channel that a layer makes is more than a filter: its bias and normalization go with it, the
weights that read it, and the channels that it is added to. Groups hold what can only go together
(as the dependency graph of G. Fang et al., DepGraph: towards any structural pruning,
arXiv:2301.12900, does).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.channel_labels import ChannelLabels
from nnabla_compress.analysis.labels import OUTPUT, SCALE
from nnabla_compress.analysis.layers import layer_name, parameter_names
from nnabla_compress.graph.constants import free_path
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.names import shown_name
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class Member:
    """A parameter that loses entries with a channel.

    Args:
        layer: Name of the layer, or of the normalization, as users see it.
        role: What the parameter does along the axis: ``"output"``, a layer's weight makes the
            channels; ``"input"``, it reads them; ``"scale"``, it has an entry or a filter for each,
            as normalizations, PReLU and depthwise layers have; ``"shift"``, biases and what
            normalizations add; ``"statistics"``, running means and variances; ``"state"``, what a
            quantizer knows of each.
        parameter: Its path.
        axis: The axis along which it loses entries.
        where: For each channel of the group the positions on that axis.
    """

    layer: str
    role: str
    parameter: str
    axis: int
    where: Tuple[Tuple[int, ...], ...]


@dataclass(frozen=True)
class Group:
    """Channels that a layer makes, with all that goes with each of them.

    Args:
        name: Name of the first layer that makes them; further groups of the same layer have
            ``#2``, ``#3``, ... behind it.
        size: Number of channels. In grouped convolutions, and behind a Reshape that puts channels
            into rows, one of these stands for a channel of each group or row.
        members: What goes with them, in the order of execution; each has as many entries for each
            channel.
        kept: Why no channel can go, in words; None where they can.
        inner: Whether one layer makes them and no addition joins them with others: the inner
            channels of a residual block (Li et al., arXiv:1608.08710). What is pruned by default.
    """

    name: str
    size: int
    members: Tuple[Member, ...]
    kept: Optional[str]
    inner: bool

    @property
    def makers(self) -> Tuple[str, ...]:
        """Names of the layers that make the channels."""
        return tuple(dict.fromkeys(m.layer for m in self.members if m.role == OUTPUT))


class Couplings:
    """The groups of a network, and where their channels stand in its tensors.

    Args:
        network: The network.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
        >>> found = Couplings(Network({"x": x}, {"y": PF.affine(h, 10, name="fc")}))
        >>> [(group.name, group.size, group.kept) for group in found.groups]
        [('a/conv', 4, None), ('fc/affine', 10, "the network's output y has them")]
        >>> [(m.layer, m.role, m.axis, len(m.where[0])) for m in found.groups[0].members]
        [('a/conv', 'output', 0, 1), ('a/conv', 'shift', 0, 1), ('fc/affine', 'input', 0, 36)]
    """

    def __init__(self, network: Network) -> None:
        self.outputs = network.all_outputs
        parameters = parameters_of(network)
        inputs = network.all_inputs or inputs_of(self.outputs, parameters)
        self.inputs = list(inputs)
        self.labels = ChannelLabels(self.outputs, inputs, parameters, list(network.outputs))
        known = parameter_names(self.outputs, parameters)
        self._by_path: Dict[str, nn.Variable] = {}
        for data, variable in self.labels.parameters.items():
            wanted = known.get(data) or variable.name or "constant"
            self._by_path[free_path(wanted, self._by_path)] = variable
        self._paths = {variable.data: path for path, variable in self._by_path.items()}
        self._roots: Dict[str, np.ndarray] = {}
        self.groups: Tuple[Group, ...] = tuple(self._groups())

    def roots(self, name: str) -> np.ndarray:
        """Returns the root of each channel of a group."""
        return self._roots[name]

    def emptied(self, gone: np.ndarray) -> Optional[int]:
        """Returns a channel that some tensor has left no other of, None if all tensors have one.

        Args:
            gone: As from :meth:`gone`.
        """
        for axes in self.labels.all_axes():
            roots = self.labels.roots(axes)
            if roots.size and gone[roots].all():
                return int(roots[0])
        return None

    def gone(self, remove: Mapping[str, Sequence[int]]) -> np.ndarray:
        """Returns which labels go with channels.

        Args:
            remove: Channels by the name of their group.

        Returns:
            Whether the channel goes, for each label's root.
        """
        gone = np.zeros(self.labels.count, bool)
        for name, channels in remove.items():
            gone[self._roots[name][list(channels)]] = True
        return gone

    def kept(self, variable: nn.Variable, gone: np.ndarray) -> Dict[int, np.ndarray]:
        """Returns the positions that stay along those axes of a tensor that lose some.

        Args:
            variable: A tensor of the graph.
            gone: As from :meth:`gone`.
        """
        found = {}
        for axis, labels in self.labels.of(variable).items():
            lost = gone[self.labels.roots(labels)]
            if lost.any():
                found[axis] = np.flatnonzero(~lost)
        return found

    def parameter(self, path: str) -> nn.Variable:
        """Returns the parameter of a path."""
        return self._by_path[path]

    def path(self, parameter: nn.Variable) -> str:
        """Returns the path of a parameter, or a name of its own for a constant without one."""
        return self._paths[parameter.data]

    def _groups(self) -> List[Group]:
        """Channels with the same members, of layers whose channels are coupled."""
        labels = self.labels
        makers: Dict[int, List[str]] = defaultdict(list)
        order: Dict[int, None] = {}
        first = {
            int(of[0]): data
            for data, variable in labels.parameters.items()
            for of in labels.of(variable).values()
            if of.size
        }
        for made in labels.made:
            # A weight that others compute belongs to no layer: its parameter has a name.
            data = first.get(int(made.labels[0]))
            name = made.layer
            if data is not None:
                name = self._name_of(data, self.path(labels.parameters[data]))
            for root in dict.fromkeys(labels.roots(made.labels).tolist()):
                makers[root].append(name)
                order[root] = None
        entries = self._entries(order)
        added = set()
        for of in labels.added:
            added.update(labels.roots(of).tolist())
        together: Dict[Any, List[int]] = {}
        layer_of = _coupled([labels.roots(made.labels).tolist() for made in labels.made])
        for root in order:
            form = tuple((data, axis, len(where)) for data, axis, where in entries[root])
            held = labels.reason(root) is not None
            together.setdefault((layer_of[root], form, held), []).append(root)
        found: List[Group] = []
        taken: Dict[str, int] = {}
        roles = self._roles()
        for roots in together.values():
            name = makers[roots[0]][0]
            taken[name] = taken.get(name, 0) + 1
            name = name if taken[name] == 1 else f"{name}#{taken[name]}"
            members = []
            for number, (data, axis, _) in enumerate(entries[roots[0]]):
                path = self.path(labels.parameters[data])
                where = tuple(entries[root][number][2] for root in roots)
                role = roles.get((data, axis), SCALE)
                members.append(Member(self._name_of(data, path), role, path, axis, where))
            by_one = len({maker for root in roots for maker in makers[root]}) == 1
            kept = labels.reason(roots[0])
            inner = kept is None and by_one and not added.intersection(roots)
            self._roots[name] = np.asarray(roots)
            found.append(Group(name, len(roots), tuple(members), kept, inner))
        return found

    def _entries(
        self, roots: Mapping[int, Any]
    ) -> Dict[int, List[Tuple[Any, int, Tuple[int, ...]]]]:
        """Parameters, axes and positions of each channel, in the order of the parameters."""
        wanted = np.zeros(self.labels.count, bool)
        wanted[list(roots)] = True
        found: Dict[int, List[Tuple[Any, int, Tuple[int, ...]]]] = {root: [] for root in roots}
        for data, variable in self.labels.parameters.items():
            for axis, labels in self.labels.of(variable).items():
                own = self.labels.roots(labels)
                places = np.flatnonzero(wanted[own])
                by_root: Dict[int, List[int]] = {}
                for place, root in zip(places.tolist(), own[places].tolist()):
                    by_root.setdefault(root, []).append(place)
                for root, where in by_root.items():
                    found[root].append((data, axis, tuple(where)))
        return found

    def _roles(self) -> Dict[Tuple[Any, int], str]:
        first = self.labels.roles()
        return {
            (data, axis): first[int(of[0])]
            for data, variable in self.labels.parameters.items()
            for axis, of in self.labels.of(variable).items()
            if of.size and int(of[0]) in first
        }

    def _name_of(self, data: Any, path: str) -> str:
        names = {layer.weight.data: layer.name for layer in self.labels.layers.values()}
        scope = path.rpartition("/")[0]
        return names.get(data) or (shown_name(scope) if scope else layer_name(path))


def _coupled(made: Sequence[Sequence[int]]) -> Dict[int, int]:
    """A number for each channel, the same for channels that layers make together."""
    parents: Dict[int, int] = {}

    def first(root: int) -> int:
        while parents.setdefault(root, root) != root:
            root = parents[root]
        return root

    for roots in made:
        for root in roots:
            one, other = sorted((first(roots[0]), first(root)))
            parents[other] = one
    return {root: first(root) for root in list(parents)}


@one_at_a_time
def couplings(network: Union[Network, nn.Variable, Sequence[nn.Variable]]) -> Tuple[Group, ...]:
    """Returns the groups of channels of a network that can only go together.

    Args:
        network: The network, or its outputs, whose parameters are in the current scope.

    Returns:
        The groups in the order in which their channels are first made. Those whose channels
        can't go say why.

    References:
        G. Fang et al., arXiv:2301.12900.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), pad=(1, 1), name="a")
        >>> h = F.relu(h + PF.convolution(h, 4, (3, 3), pad=(1, 1), name="b"))
        >>> stream, last = couplings(PF.affine(h, 10, name="fc"))
        >>> stream.name, stream.makers, stream.inner
        ('a/conv', ('a/conv', 'b/conv'), False)
    """
    return Couplings(as_network(network)).groups


def parameters_of(network: Network) -> Dict[str, nn.Variable]:
    """Returns the parameters of a network's graph by path, also where the scope has others now.

    Args:
        network: The network.
    """
    paths = {variable.data: path for path, variable in network.parameters.items()}
    paths.update(network.paths)
    found = {leaf: paths.get(leaf.data) for leaf in leaves(network.all_outputs)}
    return {path: leaf for leaf, path in found.items() if path is not None}


def as_network(network: Union[Network, nn.Variable, Sequence[nn.Variable]]) -> Network:
    """Returns a network of outputs whose parameters are in the current scope.

    Args:
        network: Outputs; a network is returned as it is.
    """
    if isinstance(network, Network):
        return network
    outputs = [network] if isinstance(network, nn.Variable) else list(network)
    names = ["y"] if len(outputs) == 1 else [f"y{number}" for number in range(len(outputs))]
    inputs = {f"x{number}": v for number, v in enumerate(inputs_of(outputs))}
    return Network(inputs, dict(zip(names, outputs)))
