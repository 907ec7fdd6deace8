# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.importances.gates import Gates
from nnabla_compress.importances.maps import Map


def residual():
    """A stream of three channels with two additions, whose maps are gated together."""
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(0)
    x = nn.Variable((1, 2, 4, 4))
    first = F.relu(PF.convolution(x, 3, (3, 3), pad=(1, 1), name="a"))
    inner = F.relu(PF.convolution(first, 5, (3, 3), pad=(1, 1), name="b"))
    second = F.relu(first + PF.convolution(inner, 3, (3, 3), pad=(1, 1), name="c"))
    y = PF.affine(F.global_average_pooling(second), 2, name="fc")
    return Network({"x": x}, {"y": y}), {"first": first, "inner": inner, "second": second}


def alone(variable):
    return Map(variable, 1, tuple((channel,) for channel in range(variable.shape[1])))


def by_hand(values, gates):
    """What the network gives with each of the named maps multiplied, all of it computed."""

    def gated(name, variable):
        if name not in gates:
            return variable
        return variable * nn.Variable.from_numpy_array(gates[name][:, :, None, None])

    x = nn.Variable.from_numpy_array(values)
    first = gated("first", F.relu(PF.convolution(x, 3, (3, 3), pad=(1, 1), name="a")))
    inner = gated("inner", F.relu(PF.convolution(first, 5, (3, 3), pad=(1, 1), name="b")))
    both = first + PF.convolution(inner, 3, (3, 3), pad=(1, 1), name="c")
    y = PF.affine(F.global_average_pooling(gated("second", F.relu(both))), 2, name="fc")
    y.forward()
    return y.d


def test_what_comes_behind_the_gates_is_the_network_with_channels_multiplied(rng):
    values = rng.randn(3, 2, 4, 4).astype(np.float32)
    for names in (["inner"], ["second"], ["first"], ["first", "second"]):
        network, found = residual()
        made = Gates(network, [alone(found[name]) for name in names], 3)
        gates = rng.rand(3, found[names[0]].shape[1]).astype(np.float32)
        made.begin([values])
        expected = by_hand(values, {name: gates for name in names})
        np.testing.assert_allclose(made.outputs(gates), expected, rtol=1e-4, atol=1e-5)


def test_only_what_follows_the_gates_is_computed_for_each_of_them():
    network, found = residual()
    made = Gates(network, [alone(found["inner"])], 3)
    types = [function.info.type_name for function in functions(made._outputs)]
    assert types.count("Convolution") == 1 and types.count("ReLU") == 1


def test_all_gates_open_give_the_network_and_its_maps(rng):
    network, found = residual()
    values = rng.randn(3, 2, 4, 4).astype(np.float32)
    made = Gates(network, [alone(found["inner"])], 3)
    (maps,) = made.begin([values])
    on = network.on({"x": nn.Variable.from_numpy_array(values)})
    on.output.forward()
    np.testing.assert_array_equal(made.outputs(np.ones((3, 5))), on.output.d)
    assert maps.shape == (3, 5, 4, 4) and (maps >= 0).all()


def test_a_channel_with_several_places_has_one_gate_for_all(rng):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    h = x * 2
    network = Network({"x": x}, {"y": F.reshape(h, (1, 4), inplace=False) * 1})
    made = Gates(network, [Map(h, 1, ((0, 2), (1, 3)))], 1)
    made.begin([np.ones((1, 4), np.float32)])
    assert made.outputs(np.array([[3.0, 0.5]])).tolist() == [[6, 1, 6, 1]]
