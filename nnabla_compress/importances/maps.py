# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The feature maps that the channels of a group are, and what goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.analysis.layers import layers
from nnabla_compress.errors import CompressError, DataError, unwrapped
from nnabla_compress.function_types import ACTIVATIONS, NORMALIZATIONS
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, rebuild
from nnabla_compress.importances.filters import parameters_by_name
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers.engine import host_array

BATCH = 64
_ADDS = ("Add2", "AddN")


@dataclass(frozen=True)
class Map:
    """Where the channels of a group stand in a feature map.

    Args:
        variable: The map.
        axis: Its axis of channels.
        where: For each channel of the group its places on that axis.
    """

    variable: nn.Variable
    axis: int
    where: Tuple[Tuple[int, ...], ...]

    def channels(self, values: np.ndarray) -> np.ndarray:
        """Returns what a batch of such maps holds of each channel, (batch, channels, ...).

        Args:
            values: The values of the map, or something else of its shape.
        """
        lead = np.moveaxis(values, self.axis, 1)
        if all(len(places) == 1 for places in self.where):
            return lead[:, [place for (place,) in self.where]]
        return np.stack([lead[:, list(places)] for places in self.where], axis=1)

    def products(self, values: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Returns the sum of ``values * others`` over each channel, (batch, channels).

        Args:
            values: The values of the map.
            others: Something else of its shape.
        """
        one, other = (
            np.moveaxis(array, self.axis, 1).reshape(len(array), array.shape[self.axis], -1)
            for array in (values, others)
        )
        of_axis = np.einsum("nci,nci->nc", one, other)
        return np.stack([of_axis[:, list(places)].sum(axis=1) for places in self.where], axis=1)


def maps(
    network: Network, groups: Sequence[Group], through_additions: bool
) -> Dict[str, List[Map]]:
    """Returns the maps that each group's layers give, behind normalization and activation.

    Args:
        network: The network.
        groups: Groups of channels of it.
        through_additions: Whether what other layers add comes in, up to the activation behind it.
    """
    outputs = network.all_outputs
    readers = consumers(outputs)
    parameters = parameters_by_name(network)
    by_weight: Dict[Any, List[Any]] = {}
    for layer in layers(outputs, network.parameters):
        by_weight.setdefault(layer.weight.data, []).append(layer.function)
    found: Dict[str, List[Map]] = {}
    for group in groups:
        mine: Dict[nn.Variable, Map] = {}
        for member in group.members:
            if member.role != "output":
                continue
            for function in by_weight.get(parameters[member.parameter].data, ()):
                variable = _behind(function.outputs[0], readers, through_additions)
                mine[variable] = Map(variable, _axis(function), member.where)
        found[group.name] = list(mine.values())
    return found


def _axis(layer: Any) -> int:
    args, ndim = layer.info.args, layer.outputs[0].ndim
    return ndim - 1 if args.get("channel_last") else int(args["base_axis"]) % ndim


def _behind(
    variable: nn.Variable, readers: Mapping[nn.Variable, List[Any]], through_additions: bool
) -> nn.Variable:
    """The map behind the normalization and the activation of a layer's output."""
    follow = (*NORMALIZATIONS, *(_ADDS if through_additions else ()))
    while True:
        behind = readers.get(variable, [])
        if len(behind) != 1 or behind[0] is None:
            return variable
        function = behind[0]
        type_name, output = function.info.type_name, function.outputs[0]
        if type_name in ACTIVATIONS and output.shape == variable.shape:
            return output
        if type_name not in follow or output.shape != variable.shape:
            return variable
        variable = output


def batches(arrays: Sequence[np.ndarray], size: int) -> Iterator[Tuple[List[np.ndarray], int]]:
    """Gives batches of one size, the last one filled up with its last row.

    Args:
        arrays: Arrays of as many rows each.
        size: Rows of a batch.

    Yields:
        The rows of each array, and how many of them count.

    Example:
        >>> [(rows.tolist(), count) for (rows,), count in batches([np.arange(3)], 2)]
        [([0, 1], 2), ([2, 2], 1)]
    """
    total = len(arrays[0])
    for start in range(0, total, size):
        chosen = np.minimum(np.arange(start, start + size), total - 1)
        yield [array[chosen] for array in arrays], min(size, total - start)


Each = Callable[[str, np.ndarray], None]


def watch(
    network: Network, found: Mapping[str, Sequence[Map]], samples: Dict[str, np.ndarray], each: Each
) -> None:
    """Runs a network on samples and hands out its maps, batch by batch.

    Args:
        network: The network in inference.
        found: Its maps by the name of the group.
        samples: Samples (N, ...) by the name of the input.
        each: Called with the name of a group and values of its channels, (batch, channels, ...),
            once for each map and batch.

    Raises:
        DataError: If the network can't be run on the samples.
    """
    rows = network.in_order(samples)
    inputs = network.all_inputs
    size = rows_of(network.all_outputs, inputs, min(BATCH, len(rows[0])))
    outputs, copies = copied(network, size, [m.variable for mine in found.values() for m in mine])
    own = outputs.all_inputs
    watched: Dict[Any, List[Tuple[str, int, Map]]] = {}
    for name, mine in found.items():
        for place in mine:
            function = copies[place.variable].parent
            number = function.outputs.index(copies[place.variable])
            watched.setdefault(function, []).append((name, number, place))

    def after(count: int, function: Any) -> None:
        for name, number, place in watched.get(function, ()):
            values = host_array(function.outputs[number].data, np.float32)
            each(name, place.channels(values)[:count])

    for values, count in tracked("importances", batches(rows, size), -(-len(rows[0]) // size)):
        fill(own, values)
        forward(outputs.all_outputs, partial(after, count))
    give_back()


def means(
    network: Network,
    groups: Sequence[Group],
    samples: Dict[str, np.ndarray],
    of: Callable[[np.ndarray], np.ndarray],
) -> Dict[str, np.ndarray]:
    """Returns the mean over samples, and over the maps of a group, of a number of each channel.

    Args:
        network: The network in inference.
        groups: Groups of channels of it.
        samples: Samples (N, ...) by the name of the input.
        of: Returns the numbers, (batch, channels), of maps (batch, channels, ...).
    """
    found = maps(network, groups, through_additions=True)
    totals = {group.name: np.zeros(group.size) for group in groups}

    def each(name: str, values: np.ndarray) -> None:
        totals[name] += of(values).sum(axis=0, dtype=np.float64)

    watch(network, found, samples, each)
    count = len(next(iter(samples.values())))
    return {name: total / (count * max(len(found[name]), 1)) for name, total in totals.items()}


def copied(
    network: Network, rows: int, wanted: Sequence[nn.Variable]
) -> Tuple[Network, Dict[nn.Variable, nn.Variable]]:
    """Builds a network for a number of samples, with no function that overwrites what it reads.

    Args:
        network: The network.
        rows: Number of samples.
        wanted: Variables of its graph.

    Returns:
        The network on inputs of its own, and what took the places of the variables.
    """

    def replace(function: Any, arguments: List[nn.Variable]) -> Any:
        if function.info.args.get("inplace"):
            return clone(function, arguments, {"inplace": False})
        return None

    inputs = {n: nn.Variable((rows, *v.shape[1:])) for n, v in network.inputs.items()}
    pairs = {old: inputs[name] for name, old in network.inputs.items()}
    every = [*network.all_outputs, *wanted]
    with nn.auto_forward(False):
        made = rebuild(every, replace, pairs)
    count = len(network.outputs)
    outputs = dict(zip(network.outputs, made[:count]))
    return Network(inputs, outputs, network.scope), dict(zip(wanted, made[count:]))


def fill(variables: Sequence[nn.Variable], values: Sequence[np.ndarray]) -> None:
    """Puts samples into the inputs of a network.

    Args:
        variables: The inputs.
        values: A batch for each.

    Raises:
        DataError: If samples have another shape.
    """
    for variable, array in zip(variables, values):
        if tuple(array.shape) != tuple(variable.shape):
            raise DataError(
                f"samples have the shape {tuple(array.shape[1:])}, the network takes "
                f"{tuple(variable.shape[1:])}.",
                help="give samples of the network's shape",
            )
        variable.d = array


def forward(outputs: Sequence[nn.Variable], after: Callable[[Any], None]) -> None:
    """Computes outputs, and calls something after each function.

    Args:
        outputs: Variables of one graph.
        after: Called with each function after it.

    Raises:
        DataError: If the network can't be run.
    """
    try:
        with unwrapped():
            nn.forward_all(list(outputs), clear_buffer=True, function_post_hook=after)
    except CompressError:
        raise
    except Exception as error:
        raise DataError(
            f"the network can't be run on the samples: {error}.",
            help="choose an importance that looks at weights alone, such as l1",
        ) from error
