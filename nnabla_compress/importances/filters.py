# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The weights of each channel as a row."""

from __future__ import annotations

from typing import Dict, List

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import Group, Member
from nnabla_compress.analysis.layers import parameter_names
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves


def parameters_by_name(network: Network) -> Dict[str, nn.Variable]:
    """Returns the parameters that a network's graph reads, by the names that layers have.

    Args:
        network: The network.
    """
    outputs = network.all_outputs
    names = {**network.paths, **parameter_names(outputs, network.parameters)}
    return {names[leaf.data]: leaf for leaf in leaves(outputs) if leaf.data in names}


def entries(array: np.ndarray, member: Member) -> np.ndarray:
    """Returns what a member has of each channel, (channels, entries).

    Args:
        array: The values of its parameter, or something of that shape.
        member: The member.
    """
    lead = np.moveaxis(array, member.axis, 0)
    return np.stack([lead[list(places)].ravel() for places in member.where])


def filters(network: Network, group: Group, role: str = "output") -> np.ndarray:
    """Returns the weights of each channel of a group side by side, (channels, weights), float64.

    Args:
        network: The network.
        group: The group.
        role: "output": what makes the channels; "input": what reads them.
    """
    parameters = parameters_by_name(network)
    rows: List[np.ndarray] = [
        entries(np.asarray(parameters[member.parameter].d, np.float64), member)
        for member in group.members
        if member.role == role
    ]
    return np.concatenate(rows, axis=1) if rows else np.zeros((group.size, 0))
