# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a network looks in single samples, when it is asked for a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import activations, named_maps
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.chip import class_moments
from nnabla_compress.importances.class_maps import class_map, refined
from nnabla_compress.importances.gates import Gates
from nnabla_compress.importances.maps import BATCH, Map, batches
from nnabla_compress.spelling import did_you_mean

# Maps of how many sizes are multiplied where none is named: the smallest ones.
_SIZES = 2


@dataclass(frozen=True)
class Known:
    """Samples that tell which channels speak for which class.

    Args:
        arrays: Samples (N, ...) by the name of the input.
        classes: Their classes, (N,).
        perturbations: How often channels are switched off for each sample.
        seed: What these are drawn with.
    """

    arrays: Dict[str, np.ndarray]
    classes: np.ndarray
    perturbations: int = 32
    seed: int = 0


def looked_at(network: Network, names: Sequence[str] = ()) -> Dict[str, Map]:
    """Returns the maps that tell where a network looks.

    Args:
        network: The network in inference.
        names: Names of maps with height and width. By default those are taken that are computed
            last of the two smallest sizes, outputs of activation functions where there are any.

    Raises:
        ConfigError: If there is no such map.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> y = F.global_average_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="c")))
        >>> list(looked_at(Network({"x": x}, {"y": y})))
        ['c/conv/relu']
    """
    every = named_maps(network.all_outputs, network.all_inputs)
    known = {name: y for name, y in every.items() if y.ndim == 4 and y.shape[2] * y.shape[3] > 1}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{network.name or 'the network'} has no map {name!r} with height and width.",
                help=did_you_mean(name, list(known)),
            )
    chosen = list(names) or _last_of_sizes(network, known)
    alone = {name: tuple((c,) for c in range(known[name].shape[1])) for name in chosen}
    return {name: Map(known[name], 1, alone[name]) for name in chosen}


def _last_of_sizes(network: Network, known: Dict[str, nn.Variable]) -> List[str]:
    active = {found.variable for found in activations(network.all_outputs)}
    of_size: Dict[Tuple[int, int], str] = {}
    for only in (False, True):  # an activation takes the place of another map of its size
        for name, y in known.items():
            if not only or y in active:
                of_size[(y.shape[2], y.shape[3])] = name
    sizes = sorted(of_size, key=lambda size: size[0] * size[1])[:_SIZES]
    return [of_size[size] for size in sorted(sizes, key=lambda size: -size[0] * size[1])]


def looks(
    network: Network,
    places: Dict[str, Map],
    known: Known,
    shown: Dict[str, np.ndarray],
    classes: np.ndarray,
    shape: Sequence[int],
) -> np.ndarray:
    """Returns where a network sees the class of each sample, by CHIP.

    Args:
        network: The network in inference.
        places: Maps, as of :func:`looked_at`; several are multiplied.
        known: What tells which channels speak for a class.
        shown: Samples (N, ...) by the name of the input.
        classes: The class that each is asked for, (N,).
        shape: Height and width of the result.

    Returns:
        (N, height, width) from 0 to 1; zeros where nothing speaks for the class.
    """
    asked = np.isin(known.classes, classes)
    arrays = {name: values[asked] for name, values in known.arrays.items()}
    found = []
    for place in places.values():
        weights = np.zeros((len(classes), len(place.where)))
        if asked.any():
            moments = class_moments(
                network, [place], arrays, known.classes[asked], known.perturbations, known.seed
            )
            of_class = {label: of.weights() for label, of in moments.items()}
            nothing = np.zeros(len(place.where))
            weights = np.array([of_class.get(int(label), nothing) for label in classes])
        found.append(class_map(_values(network, place, shown), weights))
    return refined(found, shape)


def _values(network: Network, place: Map, samples: Dict[str, np.ndarray]) -> np.ndarray:
    rows = network.in_order(samples)
    size = rows_of(network.all_outputs, network.all_inputs, min(BATCH, len(rows[0])))
    gated = Gates(network, [place], size)
    parts = [gated.begin(values)[0][:count] for values, count in batches(rows, size)]
    return np.concatenate(parts).astype(np.float64)
