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

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Dict, List, Mapping, Sequence, Set, Union
from zlib import crc32

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.channel_rules import slice_of_axis
from nnabla_compress.analysis.couplings import Couplings, as_network
from nnabla_compress.analysis.labels import INPUT
from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.faithful import FOLDED, check_faithful
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.resize import Resizer
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
        couplings = Couplings(network)
        patterns = [self.layers] if isinstance(self.layers, str) else self.layers
        names = {layer.name: None for layer in couplings.labels.layers.values()}
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
        for members in layers_together(couplings):
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
        return _widened(network, decisions)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
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
    network = as_network(outputs)
    context = Alone()
    context.seed = seed
    made, _ = Widen(factor=factor, layers=layers).apply(network, context)
    return made.all_outputs


@dataclass(frozen=True)
class _Layers:
    """Layers whose channels can only grow together.

    Args:
        names: Their names, in the order of execution.
        roots: Their channels.
        fixed: Whether they keep their number.
    """

    names: List[str]
    roots: Set[int]
    fixed: bool


def layers_together(couplings: Couplings) -> List[List[str]]:
    """Returns the names of layers that can get more filters, those together that only can together.

    Args:
        couplings: Of the network.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 3, 8, 8)), 8, (3, 3), pad=(1, 1), name="a")
        >>> h = F.relu(h + PF.convolution(h, 8, (3, 3), pad=(1, 1), name="b"))
        >>> layers_together(Couplings(as_network(PF.affine(h, 10, name="fc"))))
        [['a/conv', 'b/conv']]
    """
    return [each.names for each in _layers_of(couplings) if not each.fixed]


def _layers_of(couplings: Couplings) -> List[_Layers]:
    """Layers by the channels that meet, also where a shortcut puts zeros beside some."""
    labels = couplings.labels
    together = [set(labels.roots(made.labels).tolist()) for made in labels.made]
    together += [
        set(labels.roots(np.concatenate([labels.of(v)[axis] for v in (x, y)])).tolist())
        for function, axis in labels.selections.items()
        for x, y in [(function.inputs[0], function.outputs[0])]
    ]
    held = _held(couplings)
    found: List[_Layers] = []
    for number, roots in enumerate(together):
        names = [labels.made[number].layer] if number < len(labels.made) else []
        fixed = any(root in held or labels.reason(root) is not None for root in roots)
        apart = []
        for other in found:
            if other.roots & roots:
                names = [*other.names, *(name for name in names if name not in other.names)]
                roots, fixed = other.roots | roots, fixed or other.fixed
            else:
                apart.append(other)
        found = [*apart, _Layers(names, roots, fixed)]
    order = [made.layer for made in labels.made]
    return sorted(
        (each for each in found if each.names), key=lambda each: order.index(each.names[0])
    )


def _held(couplings: Couplings) -> Set[int]:
    """Channels that can go but not grow."""
    labels = couplings.labels
    found: Set[int] = set()
    for function in functions(couplings.outputs):
        layer = labels.layers.get(function)
        computed = layer is None or layer.computed_by or not layer.direct
        if function.info.type_name in WEIGHTED and computed:
            # What computes a weight need not give the same for parts of it.
            for variable in (function.inputs[0], function.inputs[WEIGHT], function.outputs[0]):
                for of in labels.of(variable).values():
                    found.update(labels.roots(of).tolist())
    for made in labels.made:
        roots = labels.roots(made.labels)
        if (roots[1:] == roots[:-1]).any():
            found.update(roots.tolist())
    for function in functions(couplings.outputs):
        if function.info.type_name == "Slice":
            for axis, of in labels.of(function.inputs[0]).items():
                if slice_of_axis(function, axis).step not in (None, 1):
                    found.update(labels.roots(of).tolist())
    return found


@one_at_a_time
def _widened(network: Network, decisions: Mapping[str, Any]) -> Network:
    couplings = Couplings(network)
    wide = np.zeros(couplings.labels.count, bool)
    for each in _layers_of(couplings):
        if not each.fixed and any(name in decisions["layers"] for name in each.names):
            wide[list(each.roots)] = True
    factor, seed = int(decisions["factor"]), int(decisions["seed"])
    return _Wider(network, couplings, wide, factor, seed).build()


class _Wider(Resizer):
    """Builds the functions of the wide graph."""

    def __init__(
        self, network: Network, couplings: Couplings, wide: np.ndarray, factor: int, seed: int
    ) -> None:
        super().__init__(network, couplings)
        self._wide, self._factor, self._seed = wide, factor, seed
        self._read = {
            (data, axis)
            for data, variable in couplings.labels.parameters.items()
            for axis, of in couplings.labels.of(variable).items()
            if of.size and couplings.labels.roles().get(int(of[0])) == INPUT
        }

    def sources(self, variable: nn.Variable) -> Dict[int, np.ndarray]:
        """Returns which entry each one is a copy of: those of a channel in a row stay together."""
        found = {}
        for axis, labels in self.couplings.labels.of(variable).items():
            roots = self.couplings.labels.roots(labels)
            if not self._wide[roots].any():
                continue
            starts = [0, *(np.flatnonzero(roots[1:] != roots[:-1]) + 1).tolist(), len(roots)]
            parts = [
                np.tile(np.arange(a, b), self._factor if self._wide[roots[a]] else 1)
                for a, b in zip(starts, starts[1:])
            ]
            found[axis] = np.concatenate(parts)
        return found

    def values(self, leaf: nn.Variable) -> np.ndarray:
        """Returns copies, and of weights that read copies parts that add up to the old ones."""
        found = np.array(leaf.d, np.float64)
        rng = np.random.RandomState(_seed_of(self._seed, self.couplings.path(leaf)))
        for axis, places in self.sources(leaf).items():
            found = np.take(found, places, axis)
            if (leaf.data, axis) in self._read:
                found = np.moveaxis(found, axis, 0)
                found = np.moveaxis(found * _shares(places, found.shape[1:], rng), 0, axis)
        return found.astype(np.float32)

    def sliced(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns a Slice of the same channels with their copies."""
        args, old = function.info.args, function.inputs[0]
        bounds = {key: list(args[key]) for key in ("start", "stop", "step")}
        for axis, places in self.sources(old).items():
            place = axis - old.ndim + len(bounds["start"])
            if place >= 0:
                taken = np.arange(old.shape[axis])[slice_of_axis(function, axis)]
                index = np.flatnonzero(np.isin(places, taken))
                bounds["start"][place], bounds["stop"][place] = int(index[0]), int(index[-1]) + 1
        return F.slice(x, **bounds)

    def padded(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns a Pad with as many times the zeros."""
        args, axis = function.info.args, self.couplings.labels.selections[function]
        widths = list(args["pad_width"])
        place = 2 * (axis - x.ndim) + len(widths)
        for end in (place, place + 1):
            widths[end] *= self._factor
        return F.pad(x, widths, args["mode"], args["constant_value"])


def _shares(places: np.ndarray, rest: Sequence[int], rng: np.random.RandomState) -> np.ndarray:
    """Uneven parts of 1 for the copies of each entry."""
    uneven = rng.uniform(-_UNEVEN, _UNEVEN, (len(places), *rest))
    counts = np.bincount(places)
    sums = np.zeros((len(counts), *rest))
    np.add.at(sums, places, uneven)
    along = (-1, *[1] * len(rest))
    means = sums[places] / counts[places].reshape(along)
    return np.where(
        counts[places].reshape(along) > 1, (1 + uneven - means) / counts[places].reshape(along), 1.0
    )


def _seed_of(seed: int, path: str) -> int:
    """A seed for the weight of a path, whatever others there are."""
    return (seed * 1000003 + crc32(path.encode("utf-8"))) % (1 << 32)
