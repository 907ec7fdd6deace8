# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks before and after channels went, compared by what they compute."""

from __future__ import annotations

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import costs
from nnabla_compress.analysis.couplings import Couplings, as_network, couplings
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.transforms import costs_after, remove_channels

ZEROED = ("output", "input", "scale", "shift")


def some_of_all(network, rng, part=0.5, inner=False):
    """Channels of every group that can lose some."""
    return {
        group.name: rng.choice(group.size, max(1, int(part * group.size)), False).tolist()
        for group in couplings(network)
        if group.kept is None and group.size > 1 and (group.inner or not inner)
    }


def put_to_zero(network, remove):
    """Zeros wherever the groups say that something of these channels stands."""
    parameters = network.parameters
    for group in couplings(network):
        for channel in remove.get(group.name, ()):
            for member in group.members:
                if member.role in ZEROED:
                    values = parameters[member.parameter].d
                    np.moveaxis(values, member.axis, 0)[list(member.where[channel])] = 0


def without_what_shortcuts_hand_on(network, remove):
    """The network with zeros where a Pad of channels reads one of these."""
    couplings = Couplings(network)
    gone = couplings.gone(remove)

    def replace(function, inputs):
        kept = couplings.kept(function.inputs[0], gone) if function.inputs else {}
        if function.info.type_name != "Pad" or 1 not in kept:
            return None
        mask = np.zeros((1, inputs[0].shape[1], 1, 1), np.float32)
        mask[:, kept[1]] = 1
        return clone(function, [inputs[0] * nn.Variable.from_numpy_array(mask)])

    return network.giving(rebuild(network.all_outputs, replace))


def computed(network, seed=7):
    """What a network computes of random numbers."""
    rng = np.random.RandomState(seed)
    for x in network.all_inputs:
        x.d = rng.randn(*x.shape)
    nn.forward_all(network.all_outputs)
    return [np.array(y.d) for y in network.all_outputs]


def assert_close(one, other):
    for first, second in zip(one, other):
        limit = 1e-5 * max(np.abs(first).max(), 1e-3)
        np.testing.assert_allclose(second, first, rtol=0, atol=limit)


def compare(network, remove):
    """Takes channels out and holds the result to the network with zeros in their place."""
    network = as_network(network)
    expected = costs_after(network, remove)
    zeroed = network.copy()
    put_to_zero(zeroed, remove)
    zeroed = without_what_shortcuts_hand_on(zeroed, remove)
    smaller = remove_channels(network, remove)
    assert_close(computed(zeroed), computed(smaller))
    found = costs(smaller.all_outputs, smaller.parameters, smaller.all_inputs)
    assert (found.parameters, found.macs) == (expected.parameters, expected.macs)
    return smaller


def shapes(network):
    return {path: v.shape for path, v in network.parameters.items()}
