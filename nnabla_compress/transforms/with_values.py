# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with other values in its parameters; the given one keeps its own."""

from __future__ import annotations

from typing import Any, Mapping

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import parameters_of
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.transforms.channel_scales import Loaded


def loaded(network: Network) -> Loaded:
    """Returns the values of a network's parameters by their array, each read when it is needed.

    Args:
        network: The network.
    """
    return Loaded({leaf.data: leaf for leaf in leaves(network.all_outputs)})


def with_values(network: Network, arrays: Mapping[Any, np.ndarray]) -> Network:
    """Returns the network with other values, in the scope in the place of the old parameters.

    Args:
        network: The network, its parameters in the current scope.
        arrays: New values by the array of a parameter; those of others stay.
    """
    paths = {variable.data: path for path, variable in parameters_of(network).items()}
    made = {
        leaf: constant(arrays[leaf.data], paths.get(leaf.data, leaf.name), leaf.need_grad)
        for leaf in leaves(network.all_outputs)
        if leaf.data in arrays and leaf not in network.inputs.values()
    }
    by_data = {leaf.data: new for leaf, new in made.items()}
    same = {leaf: by_data[leaf.data] for leaf in made}
    outputs = rebuild(network.all_outputs, inputs=same)
    with network.within():
        for path, parameter in nn.get_parameters(grad_only=False).items():
            if parameter.data in by_data:
                network.paths[parameter.data] = path  # the given graph keeps it
                nn.parameter.set_parameter(path, by_data[parameter.data])
    return network.giving(outputs)
