# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels scaled against each other, so that a map with one format holds all of them finely.

A clip between two layers keeps its one bound: channels are only enlarged, up to the range that the
map has, so none of the values that calibration has seen is cut off. Others may be, as they are by
the formats.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Sequence

import nnabla as nn

from nnabla_compress.analysis.channel_pairs import pairs
from nnabla_compress.analysis.channel_statistics import channel_statistics
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.lowering.fixed_point.evaluate import Feed
from nnabla_compress.lowering.fixed_point.kernels import largest_integer
from nnabla_compress.transforms.channel_scales import Levels, Loaded, needed, scale_pairs


class Equalized(NamedTuple):
    """A network with scaled channels.

    Args:
        outputs: Its outputs.
        exact: Whether they are the same for all inputs, not only where clips cut off no more than
            they did.
        in_place: Whether parameters of the network that was given hold other values now.
    """

    outputs: List[nn.Variable]
    exact: bool
    in_place: bool


def equalized(
    outputs: Sequence[nn.Variable],
    batches: Sequence[Feed],
    bits: int,
    names: Mapping[object, str],
    own: Collection[Any] = frozenset(),
) -> Equalized:
    """Builds the graph again with scaled weights and biases, new parameters under their old names.

    Args:
        outputs: Variables of one graph of native functions.
        batches: Inputs.
        bits: Of the integers.
        names: Paths of parameters by their array.
        own: Arrays of parameters that nobody else reads: large ones are scaled in place, so that
            there is no second copy of them.
    """
    found = pairs(outputs, through_clips=True)
    if not found:
        return Equalized(list(outputs), True, False)
    variables = {v.data: v for pair in found for v in pair.parameters()}
    statistics = channel_statistics(outputs, needed(found), batches)
    top = float(largest_integer(bits))
    levels = Levels(lambda layer: top, top, per_channel=False)
    made: Dict[object, nn.Variable] = {}
    arrays = Loaded(variables, own)

    def settle(data: Any) -> None:
        if not arrays.in_place(data):
            path = names.get(data) or variables[data].name
            made[data] = constant(arrays.pop(data), path, variables[data].need_grad)

    scale_pairs(found, statistics, arrays, levels, settle)
    replaced = {leaf: made[leaf.data] for leaf in leaves(outputs) if leaf.data in made}
    exact = not any(pair.clipped for pair in found)
    return Equalized(rebuild(outputs, inputs=replaced), exact, any(map(arrays.in_place, variables)))
