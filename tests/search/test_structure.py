# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is left of tensors is what a network has that was made without channels."""

from __future__ import annotations

from itertools import product

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.analysis import activations, layers
from nnabla_compress.graph.network import Network
from nnabla_compress.search.smaller import Smaller, parameters_aside
from nnabla_compress.search.structure import Structure

REMOVED = {
    "a/conv": {0.25: [1, 5], 0.5: [0, 1, 2, 7]},
    "b/conv": {0.5: [0, 3]},
    "stem/conv": {0.5: [0, 2]},
}


@pytest.fixture
def network():
    nn.clear_parameters()
    x = nn.Variable((2, 3, 6, 6))
    stream = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="stem"))
    h = F.relu(PF.convolution(stream, 8, (3, 3), pad=(1, 1), name="a"))
    h = F.relu(PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name="dw"))
    h = F.relu(PF.convolution(h, 6, (1, 1), name="b"))
    stream = F.relu(stream + PF.convolution(h, 4, (1, 1), name="join"))
    yield Network({"x": x}, {"y": PF.affine(stream, 5, name="fc")})
    nn.clear_parameters()


@pytest.mark.parametrize("shares", list(product([None, 0.25, 0.5], [None, 0.5], [None, 0.5])))
def test_it_is_the_product_of_what_both_sides_leave(network, shares):
    going = {name: share for name, share in zip(REMOVED, shares) if share is not None}
    left = Structure(network, REMOVED).left(going)
    names = [found.name for found in activations(network.all_outputs)]
    with parameters_aside():
        made = Smaller({name: REMOVED[name][share] for name, share in going.items()}).of(network)
        outputs = made.all_outputs
        built = {("weights", x.name): (x.weight.size, x.macs) for x in layers(outputs)}
        for name, found in zip(names, activations(outputs)):
            built["activations", name] = (found.variable.size // 2, 0)
    assert {key: (found.elements, found.macs) for key, found in left.items()} == built
    whole = {name for (kind, name), found in left.items() if kind == "weights" and found.whole}
    touched = {
        "a/conv": {"a/conv", "dw/depthwise_conv", "b/conv"},
        "b/conv": {"b/conv", "join/conv"},
        "stem/conv": {"stem/conv", "a/conv", "join/conv", "fc/affine"},
    }
    assert whole == {x.name for x in layers(network.all_outputs)} - set().union(
        *(touched[name] for name in going)
    )
