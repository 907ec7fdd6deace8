# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""More filters in each layer: what makes up for few bits in WRPN.

Every filter of a layer becomes ``factor`` copies, and each weight of the layers that read it is
split among them, so the network computes what it did before::

    y = sum_c w_c x_c = sum_c (a_1 w_c + ... + a_m w_c) x_c        a_1 + ... + a_m = 1

The parts a are drawn anew for each weight, from half to one and a half of 1 / m, so copies get
gradients of their own and part in training. Weights and multiplications grow with the square of the
factor, those of the first layer and feature maps with the factor. The network's outputs keep their
number, and so do channels that are added to what can't change.

A. Mishra et al., WRPN: wide reduced-precision networks, arXiv:1709.01134; T. Chen et al., Net2Net:
accelerating learning via knowledge transfer, arXiv:1511.05641.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence, Set, Union
from zlib import crc32

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.channel_groups import (
    FIXED,
    ChannelGroups,
    Channels,
    pad_of_axis,
    slice_of_axis,
)
from nnabla_compress.analysis.layers import WEIGHT, parameter_names
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.faithful import FOLDED, check_faithful
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.transform import (
    Alone,
    Context,
    Decisions,
    Transform,
    register_transform,
)
from nnabla_compress.turns import one_at_a_time

_UNEVEN = 0.5  # how far the parts of a weight are from equal ones, as a part of these


@register_transform("widen")
class Widen(Transform):
    """Multiplies the filters of layers, and keeps what the network computes.

    Layers whose outputs are added get more filters together. The last layer keeps its outputs.

    Args:
        factor: How many filters take the place of one, 2 to 16.
        layers: A pattern of names, as a shell matches files, or several: layers that get more
            filters.
    """

    short = "factor"
    holds: ClassVar[bool] = True
    same_function: ClassVar[bool] = True

    factor: int = Field(default=2, ge=2, le=16)
    layers: Union[str, List[str]] = "*"

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the layers that get more filters, and what copies are told apart by.

        Raises:
            ConfigError: If a pattern matches no layer, or only some of those that are added; or
                something is quantized already.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        outputs = network.all_outputs
        refuse_codes(outputs)
        groups = _groups(network)
        patterns = [self.layers] if isinstance(self.layers, str) else self.layers
        names = {layer.name: None for layer in groups.layers.values()}
        for node in graph_quantizers(outputs):
            raise ConfigError(
                f"widen: {node.info.args.get('name') or 'a tensor'} is quantized already, by "
                f"{shown_type(node)}.",
                help="widen before you quantize",
            )
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ConfigError(
                    f"widen: no layer matches {pattern!r}.",
                    help=did_you_mean(pattern.strip("*"), list(names)),
                )
        chosen: List[str] = []
        for members in groups.members():
            wanted = [n for n in members if any(fnmatchcase(n, pattern) for pattern in patterns)]
            if wanted and len(wanted) < len(members):
                left = [name for name in members if name not in wanted]
                raise ConfigError(
                    f"widen: {wanted[0]} and {left[0]} give maps that are added, or share weights: "
                    "they have as many filters.",
                    help="choose both, or none of the two",
                )
            chosen += wanted
        if not chosen:
            raise ConfigError(
                "widen: no chosen layer can have more filters: those before outputs and functions "
                "that mix channels keep theirs.",
                help=f"choose others of {', '.join(names)}",
            )
        kept = [name for name in names if name not in chosen]
        if kept:
            context.tell(f"widen: {', '.join(kept)} keep their filters")
        return {"factor": self.factor, "seed": context.seed, "layers": chosen}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the wide network; its parameters take the places of the old ones."""
        return network.giving(_widened(network, decisions))

    def prove(self, given: Network, made: Network) -> None:
        """Compares the networks: splitting a weight rounds it otherwise."""
        check_faithful(given.all_outputs, made.all_outputs, tolerance=FOLDED)


def widen(
    outputs: Sequence[nn.Variable],
    factor: int = 2,
    layers: Union[str, List[str]] = "*",
    seed: int = 0,
) -> List[nn.Variable]:
    """Builds a graph again with more filters in its layers, to be trained further.

    The wide parameters take the place of the old ones in the current parameter scope, under their
    names; the given graph keeps its own.

    Args:
        outputs: Variables of one graph.
        factor: How many filters take the place of one, 2 to 16.
        layers: Patterns of names: layers that get more filters.
        seed: What the parts of weights are drawn with.

    Returns:
        The new outputs, which compute the same but for rounding.

    Raises:
        ConfigError: If nothing can be widened as asked.
        VerifyError: If the wide network does not compute what the given one does.

    References:
        A. Mishra et al., arXiv:1709.01134.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1"))
        >>> y, = widen([PF.affine(h, 10, name="fc")], factor=2)
        >>> [(name, v.shape) for name, v in nn.get_parameters().items() if name.endswith("W")]
        [('c1/conv/W', (32, 3, 3, 3)), ('fc/affine/W', (1152, 10))]
    """
    network = Network({}, {str(number): output for number, output in enumerate(outputs)})
    context = Alone()
    context.seed = seed
    made, _ = Widen(factor=factor, layers=layers).apply(network, context)
    return made.all_outputs


def _groups(network: Network) -> ChannelGroups:
    outputs = network.all_outputs
    return ChannelGroups(outputs, network.all_inputs or inputs_of(outputs))


@one_at_a_time
def _widened(network: Network, decisions: Mapping[str, Any]) -> List[nn.Variable]:
    outputs = network.all_outputs
    builder = _Builder(_groups(network), decisions, parameter_names(outputs))
    new = rebuild(outputs, builder.replace)
    for path, parameter in nn.get_parameters(grad_only=False).items():
        made = builder.made.get(parameter.data)
        if made is not None:
            nn.parameter.set_parameter(path, made)
    return new


class _Builder:
    """Builds the functions of the wide graph."""

    def __init__(
        self, groups: ChannelGroups, decisions: Mapping[str, Any], names: Mapping[Any, str]
    ) -> None:
        self._groups, self._names = groups, names
        self._factor, self._seed = int(decisions["factor"]), int(decisions["seed"])
        self._numbers = {name: number for number, name in enumerate(decisions["layers"])}
        self._wide: Set[int] = set()
        for layer in groups.layers.values():
            channels = groups.made.get(layer.weight.data)
            if layer.name in self._numbers and channels is not None:
                self._wide |= {groups.group(number) for number, _ in channels.segments}
        self._wide.discard(FIXED)
        self.made: Dict[Any, nn.Variable] = {}

    def replace(self, function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        """Returns the outputs of a function on wide tensors, None where it stays as it is."""
        old = function.inputs
        if function in self._groups.layers:
            arguments = [*arguments[:WEIGHT], self._weight(function), *arguments[WEIGHT + 1 :]]
        wide = [
            self._parameter(leaf) if leaf.parent is None and new == leaf else new
            for leaf, new in zip(old, arguments)
        ]
        x, y = self._groups.of(old[0]) if old else None, self._groups.of(function.outputs[0])
        if x is not None and y is not None and self._grows(x):
            made = self._with_literals(function, wide[0], x, y)
            if made is not None:
                return [made]
        if all(new == given for new, given in zip(wide, old)):
            return None
        return clone(function, wide)

    def _with_literals(
        self, function: Any, x: nn.Variable, before: Channels, after: Channels
    ) -> Optional[nn.Variable]:
        """Returns the output of a function whose arguments say how many channels there are."""
        type_name, args = function.info.type_name, function.info.args
        size = self._size(after)
        if type_name in ("Reshape", "Broadcast"):
            shape = list(args["shape"])
            shape[after.axis] = size
            if type_name == "Broadcast":
                return F.broadcast(x, shape)
            return F.reshape(x, shape, inplace=False)
        if type_name == "Slice":
            place, stop = slice_of_axis(function, before.axis), list(args["stop"])
            if place is None:
                return None
            stop[place] = size
            return F.slice(x, args["start"], stop, args["step"])
        place = pad_of_axis(function, before.axis) if type_name == "Pad" else None
        if place is None:
            return None
        widths = list(args["pad_width"])
        for end in (place, place + 1):
            widths[end] *= self._factor
        return F.pad(x, widths, args["mode"], args["constant_value"])

    def _grows(self, channels: Optional[Channels]) -> bool:
        return channels is not None and self._size(channels) != channels.count * channels.repeat

    def _factor_of(self, group: int) -> int:
        return self._factor if self._groups.group(group) in self._wide else 1

    def _size(self, channels: Channels) -> int:
        total = sum(count * self._factor_of(group) for group, count in channels.segments)
        return total * channels.repeat

    def _copies(self, channels: Channels) -> np.ndarray:
        """How many copies each channel has."""
        return np.concatenate(
            [np.full(count, self._factor_of(group)) for group, count in channels.segments]
        )

    def _sources(self, channels: Channels) -> np.ndarray:
        """Which entry along the axis each new entry is a copy of."""
        from_channel = np.repeat(np.arange(channels.count), self._copies(channels))
        return (from_channel[:, None] * channels.repeat + np.arange(channels.repeat)).ravel()

    def _parameter(self, leaf: nn.Variable) -> nn.Variable:
        """Returns a bias, a normalization's parameter or a depthwise weight with its copies."""
        channels = self._groups.parameters.get(leaf.data)
        if channels is None or not self._grows(channels):
            return leaf
        if leaf.data not in self.made:
            values = np.take(leaf.d, self._sources(channels), channels.axis)
            self._keep(leaf, values)
        return self.made[leaf.data]

    def _weight(self, function: Any) -> nn.Variable:
        layer = self._groups.layers[function]
        weight = layer.weight
        read, made = (t.get(weight.data) for t in (self._groups.read, self._groups.made))
        if weight.data in self.made or not (self._grows(read) or self._grows(made)):
            return self.made.get(weight.data, function.inputs[WEIGHT])
        values = np.array(weight.d, np.float64)
        inputs, outputs = (0, 1) if layer.type in ("Affine", "Deconvolution") else (1, 0)
        if made is not None and self._grows(made):
            values = np.take(values, self._sources(made), outputs)
        if read is not None and self._grows(read):
            values = self._split(values, inputs, read, layer)
        self._keep(weight, values)
        return self.made[weight.data]

    def _split(self, values: np.ndarray, axis: int, read: Channels, layer: Any) -> np.ndarray:
        """Returns a weight with parts for each copy of what it reads."""
        base = int(layer.function.info.args["base_axis"]) % len(layer.input_shape)
        groups = int(layer.function.info.args.get("group", 1))
        copies, repeat = self._copies(read), read.repeat
        if layer.type == "Affine":
            outer = int(np.prod(layer.input_shape[base : read.axis]))
            repeat *= int(np.prod(layer.input_shape[read.axis + 1 :]))
        else:
            # A group's channels are the first of as many; all have as many copies.
            outer, copies = 1, copies[: len(copies) // groups]
        values = np.moveaxis(values, axis, 0)
        rest = values.shape[1:]
        values = values.reshape(outer, len(copies), repeat, -1)
        rng = np.random.RandomState(_seed_of(self._seed, self._names.get(layer.weight.data, "")))
        parts = []
        for channel, count in enumerate(copies):
            own = values[:, channel]
            uneven = rng.uniform(-_UNEVEN, _UNEVEN, (count, *own.shape))
            shares = (1 + uneven - uneven.mean(axis=0)) / count
            parts.append(np.moveaxis(shares * own, 0, 1))
        wide = np.concatenate(parts, axis=1).reshape(-1, *rest)
        return np.ascontiguousarray(np.moveaxis(wide, 0, axis))

    def _keep(self, leaf: nn.Variable, values: np.ndarray) -> None:
        name = self._names.get(leaf.data, leaf.name)
        self.made[leaf.data] = constant(values.astype(np.float32), name, leaf.need_grad)


def _seed_of(seed: int, path: str) -> int:
    """A seed for the weight of a path, whatever others there are."""
    return (seed * 1000003 + crc32(path.encode("utf-8"))) % (1 << 32)
