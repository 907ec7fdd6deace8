# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that a network can do without, as it computes the same: found without data.

A channel is idle for a layer that reads it if all weights on it are zero, or if it is the same
whatever comes in: zero, or a constant that the layer's bias can take over, ``b + sum_c v_c W_c``.
It can go if it is idle for all that read it. What it was computed from is read by one less, so
this is asked again until no more go.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

import numpy as np

from nnabla_compress.analysis.batch_normalization import base_axis
from nnabla_compress.analysis.channel_rules import pad_of_axis
from nnabla_compress.analysis.constant_entries import (
    Entries,
    constant_entries,
    effective_weights,
    layer_of,
)
from nnabla_compress.analysis.couplings import Couplings
from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.turns import one_at_a_time

# Layers that read each channel by weights of its own; others hand channels on one by one.
_READ = ("Affine", "Convolution", "Deconvolution")


@dataclass(frozen=True)
class Left:
    """Constant channels that stay.

    Args:
        group: Name of their group.
        channels: Their numbers in the group.
        why: Why they stay, in words.
    """

    group: str
    channels: Tuple[int, ...]
    why: str


@dataclass(frozen=True)
class Idle:
    """What a network can do without.

    Args:
        remove: Channels by the name of their group.
        shifts: What outputs of layers get in the place of constants, float64, by the layer.
        left: Constant channels that stay.
    """

    remove: Dict[str, List[int]]
    shifts: Dict[str, np.ndarray]
    left: Tuple[Left, ...] = ()


class _Read(NamedTuple):
    """A layer that reads channels, as far as idle channels are concerned."""

    function: Any
    name: str
    axis: int  # of its input
    roots: np.ndarray  # of the channels on that axis
    weight: np.ndarray  # (channels, rest, outputs), whether there is a weight
    outputs: Optional[np.ndarray]  # roots of the outputs
    constant: np.ndarray  # of each channel
    zero: np.ndarray  # of each channel
    foldable: np.ndarray  # of each channel that is constant
    pads: bool


@one_at_a_time
def idle_channels(couplings: Couplings, held: Optional[Mapping[str, str]] = None) -> Idle:
    """Returns the channels that a network can do without.

    Args:
        couplings: Of the network; batch normalizations count as they infer.
        held: Groups whose channels stay, and why, beside those that the network holds.

    Example:
        >>> import nnabla as nn, nnabla.functions as F, nnabla.parametric_functions as PF
        >>> from nnabla_compress.analysis.couplings import as_network
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 1, 6, 6)), 4, (3, 3), name="c"))
        >>> y = PF.convolution(h, 2, (3, 3), name="d")
        >>> nn.get_parameters()["c/conv/W"].d[1:3] = 0
        >>> nn.get_parameters()["c/conv/b"].d[2] = 0.5
        >>> idle = idle_channels(Couplings(as_network(y)))
        >>> idle.remove, list(idle.shifts), idle.left
        ({'c/conv': [1, 2]}, ['d/conv'], ())
    """
    held = {**(held or {}), **{g.name: g.kept for g in couplings.groups if g.kept is not None}}
    search = _Search(couplings, held)
    gone = search.gone()
    remove: Dict[str, List[int]] = {}
    left: List[Left] = []
    for group in couplings.groups:
        roots = couplings.roots(group.name)
        channels = np.flatnonzero(gone[roots]).tolist()
        if channels:
            remove[group.name] = channels
        by_reason: Dict[str, List[int]] = {}
        for channel in np.flatnonzero(~gone[roots]).tolist():
            why = search.why(int(roots[channel]), held.get(group.name))
            if why is not None:
                by_reason.setdefault(why, []).append(channel)
        left += [Left(group.name, tuple(some), why) for why, some in by_reason.items()]
    return Idle(remove, search.shifts(gone), tuple(left))


class _Search:
    """Looks for channels that all readers can do without."""

    def __init__(self, couplings: Couplings, held: Mapping[str, str]) -> None:
        self._couplings, self._labels = couplings, couplings.labels
        outputs = couplings.outputs
        self._entries = constant_entries(outputs, couplings.inputs)
        self._weights = effective_weights(outputs)
        order = functions(outputs)
        self._uses = Counter(v.data for f in order for v in f.inputs if v.parent is None)
        self._layers = Counter(layer.weight.data for layer in self._labels.layers.values())
        self._reads: List[_Read] = []
        for function in order:
            if function.info.type_name in _READ and function.inputs[0] in self._entries:
                read = self._read(function)
                if read is not None:
                    self._reads.append(read)
        self._candidates = np.zeros(self._labels.count, bool)
        for group in couplings.groups:
            if group.name not in held:
                self._candidates[couplings.roots(group.name)] = True
        self._made_constant = self._constant_where_made()
        self._reads_of: Dict[int, List[Tuple[_Read, List[int]]]] = {}
        for read in self._reads:
            places: Dict[int, List[int]] = {}
            for place, root in enumerate(read.roots.tolist()):
                places.setdefault(root, []).append(place)
            for root, some in places.items():
                self._reads_of.setdefault(root, []).append((read, some))

    def gone(self) -> np.ndarray:
        """Returns which channels go, by their root; no tensor loses all of its channels."""
        needed = np.zeros(self._labels.count, bool)
        while True:
            gone = self._gone(self._candidates & ~needed)
            emptied = self._couplings.emptied(gone)
            if emptied is None:
                return gone
            needed[emptied] = True

    def _gone(self, candidates: np.ndarray) -> np.ndarray:
        gone = np.zeros(self._labels.count, bool)
        while True:
            stays = ~candidates
            for read in self._reads:
                idle = read.zero | read.foldable | self._unread(read, gone)
                stays[read.roots[~idle]] = True
            for function, axis in self._labels.selections.items():
                self._stay_for(function, axis, gone, stays)
            if np.array_equal(gone, ~stays):
                return gone
            gone = ~stays

    def _unread(self, read: _Read, gone: np.ndarray) -> np.ndarray:
        weight = read.weight
        if read.outputs is not None:
            weight = weight[:, :, ~gone[read.outputs]]
        found: np.ndarray = ~weight.any(axis=(1, 2))
        return found

    def _stay_for(self, function: Any, axis: int, gone: np.ndarray, stays: np.ndarray) -> None:
        """Marks what a Pad of channels hands on to channels that stay, but for zeros."""
        x, y = function.inputs[0], function.outputs[0]
        before, _ = pad_of_axis(function, axis)
        roots = self._labels.roots(self._labels.of(x)[axis])
        targets = self._labels.roots(self._labels.of(y)[axis])[before : before + len(roots)]
        _, zero, _ = _of_channels(self._entries[x], axis)
        stays[roots[~zero & ~gone[targets]]] = True

    def _read(self, function: Any) -> Optional[_Read]:
        x, args, labels = function.inputs[0], function.info.args, self._labels
        type_name = function.info.type_name
        base = base_axis(function)
        # A convolution reads channels on one axis; those on others are positions to it.
        last = base if type_name != "Affine" else x.ndim
        known = {axis: of for axis, of in labels.of(x).items() if base <= axis <= last}
        axes = [axis for axis, of in known.items() if of.size > 1] or list(known)[:1]
        group = int(args.get("group", 1))
        if not axes or (group > 1 and _one_each(function, group)):
            return None
        axis = axes[0]
        used = self._weights[function] != 0
        count = x.shape[axis]
        if type_name == "Affine":
            inner = int(np.prod(x.shape[axis + 1 :], dtype=np.int64))
            outer = int(np.prod(x.shape[base:axis], dtype=np.int64))
            used = used.reshape(outer, count, inner, -1)
            used = np.moveaxis(used, 1, 0).reshape(count, outer * inner, -1)
        elif type_name == "Convolution":
            used = used.reshape(group, used.shape[0] // group, used.shape[1], -1)
            used = _by_channel(np.moveaxis(used, 2, 1))
        else:
            used = used.reshape(group, used.shape[0] // group, used.shape[1], -1)
            used = _by_channel(used)
        constant, zero, uniform = _of_channels(self._entries[x], axis)
        pads = type_name != "Affine" and any(args["pad"])
        foldable = constant & (
            uniform if type_name != "Affine" else _as_one(self._entries[x], axis, base)
        )
        several = type_name == "Affine" and function.inputs[WEIGHT].ndim != 2
        if pads or several or type_name == "Deconvolution" or not self._has_own_bias(function):
            foldable = np.zeros(count, bool)
        made = labels.of(function.outputs[0]).get(base)
        outputs = None if made is None or len(made) != used.shape[2] else labels.roots(made)
        roots = labels.roots(labels.of(x)[axis])
        return _Read(
            function,
            self._name_of(function),
            axis,
            roots,
            used,
            outputs,
            constant,
            zero,
            foldable,
            pads,
        )

    def _name_of(self, function: Any) -> str:
        layer = self._labels.layers.get(function)
        return self._labels.place(function) if layer is None else layer.name

    def _has_own_bias(self, function: Any) -> bool:
        """Whether what a layer adds can change without changing what another one adds."""
        layer = self._labels.layers.get(function)
        if layer is None or self._layers[layer.weight.data] > 1:
            return False
        return all(
            bias.parent is None and self._uses[bias.data] == 1 for bias in function.inputs[BIAS:]
        )

    def shifts(self, gone: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns what the outputs of layers get in the place of constants that go."""
        found: Dict[str, np.ndarray] = {}
        for read in self._reads:
            taken = gone[read.roots] & read.constant & ~read.zero & ~self._unread(read, gone)
            if not taken.any():
                continue
            function = read.function
            x = function.inputs[0]
            mask = np.zeros(x.shape[read.axis], np.float32)
            mask[taken] = 1
            along = [1] * x.ndim
            along[read.axis] = -1
            y = layer_of(
                function, self._entries[x].values * mask.reshape(along), self._weights[function]
            )
            axis = base_axis(function)
            rows = np.moveaxis(y, axis, -1).reshape(-1, y.shape[axis])
            found[read.name] = rows[0].astype(np.float64)
        return found

    def _constant_where_made(self) -> Set[int]:
        """Channels that some layer makes the same whatever comes in."""
        found: Set[int] = set()
        for function in self._labels.layers:
            y = function.outputs[0]
            for axis, of in self._labels.of(y).items():
                if y in self._entries and of.size > 1:
                    constant, _, _ = _of_channels(self._entries[y], axis)
                    found.update(self._labels.roots(of)[constant].tolist())
        return found

    def why(self, root: int, kept: Optional[str]) -> Optional[str]:
        """Returns why a constant channel stays, None if it is no such channel."""
        reads = self._reads_of.get(root, [])
        constant = [bool(read.constant[places].all()) for read, places in reads]
        if root not in self._made_constant and not any(constant):
            return None
        if kept is not None:
            return kept
        for (read, places), same in zip(reads, constant):
            if same and not (read.zero | read.foldable)[places].all():
                if read.pads:
                    return f"{read.name} pads them with zeros, so its bias can't take them over"
                return f"the bias of {read.name} can't take them over"
        if not all(constant):
            return "what they are added to is not constant"
        return "a layer would lose all of its channels, or zeros are put beside them"


def _one_each(function: Any, group: int) -> bool:
    """Whether each filter has one channel, so that channels are handed on one by one."""
    shape = function.inputs[WEIGHT].shape
    return bool(shape[1] == 1 if function.info.type_name == "Convolution" else shape[0] == group)


def _by_channel(used: np.ndarray) -> np.ndarray:
    """(groups, inputs, outputs, kernel) as (channels, kernel, all outputs)."""
    group, count, outputs, kernel = used.shape
    found = np.zeros((group, count, kernel, group, outputs), bool)
    for number in range(group):
        found[number, :, :, number] = np.moveaxis(used[number], 1, 2)
    return found.reshape(group * count, kernel, group * outputs)


def _of_channels(entries: Entries, axis: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which channels are constant, which of these zero, and which the same everywhere."""
    count = entries.values.shape[axis]
    values = np.moveaxis(entries.values, axis, 0).reshape(count, -1)
    constant = ~np.moveaxis(entries.free, axis, 0).reshape(count, -1).any(axis=1)
    zero = constant & (values == 0).all(axis=1)
    uniform = constant & (values == values[:, :1]).all(axis=1)
    return constant, zero, uniform


def _as_one(entries: Entries, axis: int, base: int) -> np.ndarray:
    """Which channels are the same for all rows that a fully connected layer reads."""
    values = np.moveaxis(entries.values, axis, base)
    rows = values.reshape(int(np.prod(values.shape[:base])), values.shape[base], -1)
    found: np.ndarray = (rows == rows[:1]).all(axis=(0, 2))
    return found
