# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels taken out of a network: what is left is an ordinary, smaller one.

With a channel go its filter, its bias and normalization, and the weights that read it. The network
that is left computes what the given one does with all of these at zero.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.channel_rules import pad_of_axis, slice_of_axis
from nnabla_compress.analysis.couplings import Couplings, Group
from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.constants import constant, free_path
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.check_removal import check_removal
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.resize import Resizer
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform
from nnabla_compress.turns import one_at_a_time


@register_transform("remove_channels")
class RemoveChannels(Transform):
    """Takes channels out of a network, with all that goes with them.

    Args:
        remove: Channels to remove by the name of their group, such as ``{"conv1/conv": [0, 5]}``.
            Groups have the name of the layer that makes their channels.
    """

    short = "remove"
    holds: ClassVar[bool] = True

    remove: Dict[str, List[int]] = Field(default_factory=dict)

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the channels of each group that go.

        Raises:
            ConfigError: If there is no such group or channel, or channels can't go.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        return {"remove": checked_channels(Couplings(network), self.remove)}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the smaller network; its parameters take the places of the old ones."""
        return without_channels(network, decisions["remove"])

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares with the given network, all that belongs to the channels at zero."""
        check_removal(given, made, decisions["remove"])


@one_at_a_time
def remove_channels(network: Network, remove: Mapping[str, Sequence[int]]) -> Network:
    """Takes channels out of a network, with all that goes with them.

    The smaller parameters take the place of the old ones in the network's parameter scope, under
    their names; the given graph keeps its own.

    Args:
        network: The network.
        remove: Channels by the name of their group, see
            :func:`~nnabla_compress.analysis.couplings.couplings`.

    Returns:
        The network without them. It computes what the given one does with the filters, biases,
        normalizations and reading weights of these channels at zero.

    Raises:
        ConfigError: If there is no such group or channel; if channels can't go, as those of the
            network's outputs; if a layer would have none left; or if a quantizer would give the
            weights that stay other values. The network is as it was then.
        UnsupportedFunctionError: If the network's weights are stored as codes.
        VerifyError: If the smaller network does not compute what it should.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
        >>> network = Network({"x": x}, {"y": PF.affine(h, 10, name="fc")})
        >>> smaller = remove_channels(network, {"a/conv": [1, 2, 3]})
        >>> [(path, v.shape) for path, v in smaller.parameters.items() if path.endswith("W")]
        [('a/conv/W', (1, 3, 3, 3)), ('fc/affine/W', (36, 10))]
    """
    transform = RemoveChannels(remove={name: list(some) for name, some in remove.items()})
    with network.within():
        smaller, _ = transform.apply(network)
    return smaller


class ChannelCosts(NamedTuple):
    """What a network costs after channels went.

    Args:
        parameters: Number of its parameters, each once, quantizers' own left out.
        macs: Multiply-accumulate operations of its layers for one sample.
    """

    parameters: int
    macs: int


@one_at_a_time
def costs_after(
    network: Union[Network, Couplings], remove: Mapping[str, Sequence[int]]
) -> ChannelCosts:
    """Returns what a network would cost without channels, without building it.

    Args:
        network: The network; or its couplings, which searches find once.
        remove: Channels by the name of their group.

    Returns:
        The figures that :func:`~nnabla_compress.analysis.costs.costs` finds of the smaller network.

    Raises:
        ConfigError: As of :func:`remove_channels`.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 100))
        >>> h = F.relu(PF.affine(x, 50, name="a"))
        >>> network = Network({"x": x}, {"y": PF.affine(h, 10, name="b")})
        >>> costs_after(network, {}), costs_after(network, {"a/affine": range(25)})
        (ChannelCosts(parameters=5560, macs=5500), ChannelCosts(parameters=2785, macs=2750))
    """
    couplings = network if isinstance(network, Couplings) else Couplings(network)
    gone = couplings.gone(checked_channels(couplings, remove))
    labels, order = couplings.labels, functions(couplings.outputs)
    own = {v.data for f in order if quantizer_of(f) is not None for v in f.inputs[1:]}

    def size(variable: nn.Variable) -> int:
        kept = couplings.kept(variable, gone)
        shape = [len(kept[axis]) if axis in kept else n for axis, n in enumerate(variable.shape)]
        return int(np.prod(shape, dtype=np.int64))

    parameters = sum(size(v) for data, v in labels.parameters.items() if data not in own)
    macs = 0
    for function, layer in labels.layers.items():
        weight = function.inputs[WEIGHT]
        found = layer.macs * size(weight) // max(1, int(weight.size))
        for axis, places in couplings.kept(function.inputs[0], gone).items():
            if axis < int(function.info.args.get("base_axis", 0)) % function.inputs[0].ndim:
                found = found * len(places) // function.inputs[0].shape[axis]
        macs += found
    for function in order:
        x = function.inputs[0] if function.inputs else None
        for index in _taken_by(couplings, function, gone).values():
            if x is not None and _run_of(index) is None:
                weights = len(index) * len(couplings.kept(x, gone).get(1, range(x.shape[1])))
                parameters += weights
                macs += weights * int(np.prod(x.shape[2:], dtype=np.int64))
    return ChannelCosts(parameters, macs)


def checked_channels(
    couplings: Couplings, remove: Mapping[str, Sequence[int]]
) -> Dict[str, List[int]]:
    """Returns channels to remove by group, sorted and each once.

    Args:
        couplings: Of the network.
        remove: Channels by the name of their group.

    Raises:
        ConfigError: If some of them can't go, with the reason.
    """
    groups = {group.name: group for group in couplings.groups}
    found: Dict[str, List[int]] = {}
    for name, channels in remove.items():
        group = groups.get(name)
        if group is None:
            raise ConfigError(
                f"remove_channels: no group of channels is called {name!r}.",
                help=did_you_mean(name, list(groups)),
            )
        chosen = _checked_of_group(group, channels)
        if chosen:
            found[name] = chosen
    emptied = couplings.emptied(couplings.gone(found))
    if emptied is not None:
        whole = [name for name, some in found.items() if len(some) == groups[name].size]
        what = f"{whole[0]} would lose all of its {groups[whole[0]].size} channels"
        raise ConfigError(
            f"remove_channels: {what if whole else 'a map would be left without any channel'}.",
            help="leave it one at least",
        )
    return found


def _checked_of_group(group: Group, channels: Sequence[int]) -> List[int]:
    chosen = sorted({int(channel) for channel in channels})
    if not chosen:
        return []
    if group.kept is not None:
        raise ConfigError(
            f"remove_channels: no channel of {group.name} can go: {group.kept}.",
            help="remove channels of other groups",
        )
    outside = [channel for channel in chosen if not 0 <= channel < group.size]
    if outside:
        raise ConfigError(
            f"remove_channels: {group.name} has no channel {outside[0]}: it has {group.size}.",
            help=f"choose from 0 to {group.size - 1}",
        )
    return chosen


def without_channels(network: Network, remove: Mapping[str, Sequence[int]]) -> Network:
    """Returns a network without channels, unproved; its parameters take the places of the old ones.

    Args:
        network: The network.
        remove: Channels by the name of their group.

    Raises:
        ConfigError: If there are no such channels.
    """
    couplings = Couplings(network)
    gone = couplings.gone(checked_channels(couplings, remove))
    return _Smaller(network, couplings, gone).build()


class _Smaller(Resizer):
    """Builds the functions of the smaller graph."""

    def __init__(self, network: Network, couplings: Couplings, gone: np.ndarray) -> None:
        super().__init__(network, couplings)
        self._gone, self._taken = gone, set(network.parameters)

    def sources(self, variable: nn.Variable) -> Dict[int, np.ndarray]:
        """Returns what stays."""
        return self.couplings.kept(variable, self._gone)

    def sliced(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns a Slice with the bounds of what stays."""
        args, old = function.info.args, function.inputs[0]
        bounds = {key: list(args[key]) for key in ("start", "stop", "step")}
        for axis, index in _taken_by(self.couplings, function, self._gone).items():
            place = axis - old.ndim + len(bounds["start"])
            run = _run_of(index)
            if run is None:
                # Every second of what is left of them is no fixed step any more.
                x = self._chosen(function, x, index, axis)
                run = slice(0, len(index), 1)
            bounds["start"][place] = run.start
            bounds["stop"][place] = run.stop
            bounds["step"][place] = run.step
        return F.slice(x, **bounds)

    def padded(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns what stays, and zeros beside it or between."""
        args, axis = function.info.args, self.couplings.labels.selections[function]
        index = _taken_by(self.couplings, function, self._gone)[axis]
        x = self._chosen(function, x, index, axis)
        widths = list(args["pad_width"])
        place = 2 * (axis - x.ndim) + len(widths)
        widths[place : place + 2] = [0, 0]
        return F.pad(x, widths, args["mode"]) if any(widths) else x

    def _chosen(self, function: Any, x: nn.Variable, index: np.ndarray, axis: int) -> nn.Variable:
        """Returns channels of a map by their number, zeros where it is -1."""
        run = _run_of(index)
        if run is not None:
            return _cut_and_padded(x, index, run, axis)
        # Those between others are put there by a weight of zeros and ones.
        weight = np.zeros((len(index), x.shape[axis]), np.float32)
        weight[np.flatnonzero(index >= 0), index[index >= 0]] = 1
        affine = x.ndim == 2
        path = free_path(f"{_SHORTCUT}/{'affine' if affine else 'conv'}/W", self._taken)
        self._taken.add(path)
        if affine:
            self.added[path] = constant(np.ascontiguousarray(weight.T), path, False)
            return F.affine(x, self.added[path])
        kernel = (1,) * (x.ndim - 2)
        self.added[path] = constant(weight.reshape(*weight.shape, *kernel), path, False)
        return F.convolution(x, self.added[path])


_SHORTCUT = "shortcut"


def _taken_by(couplings: Couplings, function: Any, gone: np.ndarray) -> Dict[int, np.ndarray]:
    """What a Slice takes, or a Pad of channels gives, along axes that lose some.

    Returns:
        Numbers of what it reads after channels went, -1 for zeros, by the axis.
    """
    found: Dict[int, np.ndarray] = {}
    if function.info.type_name == "Slice":
        x = function.inputs[0]
        for axis, places in couplings.kept(x, gone).items():
            if axis >= x.ndim - len(function.info.args["start"]):
                taken = np.arange(x.shape[axis])[slice_of_axis(function, axis)]
                found[axis] = np.searchsorted(places, taken[np.isin(taken, places)])
    elif function in couplings.labels.selections:
        axis, x, y = couplings.labels.selections[function], function.inputs[0], function.outputs[0]
        before, behind = pad_of_axis(function, axis)
        index = np.pad(np.arange(x.shape[axis]), (before, behind), constant_values=-1)
        index = index[couplings.kept(y, gone).get(axis, np.arange(y.shape[axis]))]
        places = couplings.kept(x, gone).get(axis, np.arange(x.shape[axis]))
        found[axis] = np.where(np.isin(index, places), np.searchsorted(places, index), -1)
    return found


def _run_of(index: np.ndarray) -> Optional[slice]:
    """The slice that gives these numbers, zeros (-1) before and behind left out; None if none."""
    there = np.flatnonzero(index >= 0)
    if not len(there):
        return None
    numbers = index[there[0] : there[-1] + 1]
    steps = np.unique(np.diff(numbers)) if len(numbers) > 1 else np.ones(1, int)
    if (numbers < 0).any() or len(steps) > 1 or steps[0] < 1:
        return None
    return slice(int(numbers[0]), int(numbers[-1]) + 1, int(steps[0]))


def _cut_and_padded(x: nn.Variable, index: np.ndarray, run: slice, axis: int) -> nn.Variable:
    rest = x.shape[axis + 1 :]
    if (run.start, run.stop, run.step) != (0, x.shape[axis], 1):
        start, stop, step = [run.start], [run.stop], [run.step]
        x = F.slice(x, start + [0] * len(rest), stop + list(rest), step + [1] * len(rest))
    there = np.flatnonzero(index >= 0)
    before, behind = int(there[0]), int(len(index) - 1 - there[-1])
    if not before and not behind:
        return x
    return F.pad(x, [before, behind, *[0, 0] * len(rest)], mode="constant")
