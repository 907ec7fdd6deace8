# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Classifiers behind maps of a network: it can answer before all of it is computed.

What the network gave is its last exit, and does not change. A classifier is one layer behind the
mean of each channel, or two convolutions before that:

    exit k = affine(mean over positions(map))                                             maps = 0
    exit k = affine(mean over positions(ReLU(BN(conv(ReLU(BN(conv(map))))))))             maps > 0

The convolutions are 3x3 with stride 2, as in RANet (L. Yang et al., arXiv:2003.07326).
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Sequence, Tuple, Union
from zlib import crc32

import nnabla as nn
import nnabla.functions as F
import nnabla.initializer as I  # noqa: E741 - NNabla's own abbreviation
import nnabla.parametric_functions as PF
import numpy as np
from pydantic import Field, field_validator

from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.analysis.feature_maps import named_maps
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.exits import are_exits, exit_names, exits_named
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.options import validated
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.transform import (
    Alone,
    Context,
    Decisions,
    Transform,
    register_transform,
)
from nnabla_compress.turns import one_at_a_time


@register_transform("add_exits")
class AddExits(Transform):
    """Puts classifiers behind maps of the network, as exits before its own output.

    Args:
        at: Names of maps, in the order in which they are computed: what a layer gives is called as
            the layer, any other map after the layer before it and its own function, such as
            ``conv1/conv/relu``.
        maps: Filters of two 3x3 convolutions with stride 2 before the mean over positions; 0: the
            classifier has none.
    """

    short = "at"
    holds: ClassVar[bool] = True
    one_or_several: ClassVar[Tuple[str, ...]] = ("at",)

    at: List[str] = Field(min_length=1)
    maps: int = Field(default=0, ge=0)

    @field_validator("at", mode="before")
    @classmethod
    def _one_place(cls, at: Any) -> Any:
        return [at] if isinstance(at, str) else at

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the maps, and what new weights are drawn with.

        Raises:
            ConfigError: If there is no such map, an exit would not come before the next one, or a
                classifier can't stand there.
        """
        _check_output(network)
        maps = named_maps(network.all_outputs, network.all_inputs)
        for name in self.at:
            if name not in maps:
                raise ConfigError(
                    f"add_exits: the network has no map {name!r}.",
                    help=did_you_mean(name, list(maps), "its maps are"),
                )
            _check_map(name, maps[name], network, self.maps)
        _check_order(self.at, maps, network)
        return {"at": list(self.at), "maps": self.maps, "seed": context.seed}

    def told(self, decisions: Mapping[str, Any]) -> str:
        """Returns which exit stands where."""
        names = exit_names(len(decisions["at"]) + 1)
        found = [f"{name} behind {place}" for name, place in zip(names, decisions["at"])]
        return f"add_exits: {', '.join(found)}; {names[-1]} is the network's own output"

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network with its exits; classifiers get parameters in the current scope."""
        return _with_exits(network, decisions)


def add_exits(
    outputs: Sequence[nn.Variable],
    at: Union[str, Sequence[str]],
    maps: int = 0,
    seed: int = 0,
) -> Dict[str, nn.Variable]:
    """Builds classifiers behind maps of a graph, to be trained.

    Args:
        outputs: The only output of the graph, in training.
        at: Name of a map, or names, as of :class:`AddExits`.
        maps: As of :class:`AddExits`.
        seed: What new weights are drawn with.

    Returns:
        The exits by name, the last one is the output. Parameters are made in the current scope.

    Raises:
        ConfigError: If no classifier can stand there.

    Example:
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1"))
        >>> found = add_exits([PF.affine(h, 10, name="fc")], at=["c1/conv/relu"])
        >>> [(name, y.shape) for name, y in found.items()]
        [('exit1', (1, 10)), ('exit2', (1, 10))]
    """
    context = Alone()
    context.seed = seed
    places = at if isinstance(at, str) else list(at)
    exits = validated(AddExits, {"at": places, "maps": maps}, "add_exits")
    made, _ = exits.apply(as_network(outputs), context)
    return made.outputs


def _check_output(network: Network) -> None:
    if are_exits(network.outputs):
        raise ConfigError(
            f"add_exits: the network has {len(network.outputs)} exits already.",
            help="name all places in one add_exits",
        )
    if network.output.ndim != 2:
        raise ConfigError(
            f"add_exits: the network gives outputs of shape {tuple(network.output.shape[1:])} a "
            "sample, classifiers give one row of numbers.",
            help="exits are for networks that classify",
        )


def _check_map(name: str, variable: nn.Variable, network: Network, maps: int) -> None:
    if variable is network.output or variable == network.output:
        raise ConfigError(
            f"add_exits: {name} is the output of the network.",
            help="it is the last exit anyway; name maps before it",
        )
    rows = network.output.shape[0]
    if variable.ndim < 2 or variable.shape[0] != rows:
        raise ConfigError(
            f"add_exits: {name} has the shape {tuple(variable.shape)}, no row a sample.",
            help="choose a map with the samples on its first axis",
        )
    if maps and variable.ndim != 4:
        raise ConfigError(
            f"add_exits: {name} has the shape {tuple(variable.shape[1:])} a sample, convolutions "
            "need maps of channels, height and width.",
            help="leave maps out, or choose another place",
        )


def _check_order(at: Sequence[str], maps: Mapping[str, nn.Variable], network: Network) -> None:
    """Refuses places of which one does not come before the next."""
    order = list(maps)
    for first, second in zip(at, at[1:]):
        if first == second:
            raise ConfigError(f"add_exits: {first} is named twice.", help="name it once")
        if order.index(first) > order.index(second):
            raise ConfigError(
                f"add_exits: {second} is computed before {first}, which is named first.",
                help=f"name places in the order in which they are computed: {second}, {first}",
            )
    needed: Any = set()
    for name in at:
        more = set(functions([maps[name]])) - needed
        if not more:
            raise ConfigError(
                f"add_exits: {name} is computed on the way to the place before it.",
                help="name places of which each needs more of the network than the one before",
            )
        needed |= more


@one_at_a_time
def _with_exits(network: Network, decisions: Mapping[str, Any]) -> Network:
    maps = named_maps(network.all_outputs, network.all_inputs)
    readers = consumers(network.all_outputs)
    classes, exits = network.output.shape[1], []
    for name, place in zip(exit_names(len(decisions["at"])), decisions["at"]):
        read = _as_stored(maps[place], readers)
        with nn.parameter_scope(name), nn.auto_forward(False):
            exits.append(_classifier(read, classes, decisions["maps"], decisions["seed"], name))
    outputs = exits_named([*exits, network.output])
    return Network(network.inputs, outputs, network.scope, network.paths, network.name)


def _as_stored(variable: nn.Variable, readers: Mapping[nn.Variable, List[Any]]) -> nn.Variable:
    """The map as the layers behind it read it: quantized, if it is."""
    for function in readers.get(variable, []):
        if function is not None and quantizer_of(function) is not None:
            return function.outputs[0]
    return variable


def _classifier(x: nn.Variable, classes: int, maps: int, seed: int, name: str) -> nn.Variable:
    rng = np.random.RandomState((seed * 1000003 + crc32(name.encode("utf-8"))) % (1 << 32))
    h = x
    for number in (1, 2) if maps else ():
        deviation = I.calc_normal_std_he_forward(h.shape[1], maps, (3, 3))
        h = PF.convolution(
            h,
            maps,
            (3, 3),
            pad=(1, 1),
            stride=(2, 2),
            with_bias=False,
            w_init=I.NormalInitializer(deviation, rng),
            name=f"conv{number}",
        )
        h = F.relu(PF.batch_normalization(h, batch_stat=True, name=f"bn{number}"))
    h = _means(h)
    low, high = I.calc_uniform_lim_glorot(h.shape[1], classes)
    return PF.affine(h, classes, w_init=I.UniformInitializer((low, high), rng), name="fc")


def _means(x: nn.Variable) -> nn.Variable:
    """The mean of each channel over all positions."""
    if x.ndim == 4:
        return F.average_pooling(x, x.shape[2:])
    return x if x.ndim == 2 else F.mean(x, axis=tuple(range(2, x.ndim)))
