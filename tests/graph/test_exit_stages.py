# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

import nnabla_compress.quantizers as Q
from nnabla_compress.graph import functions
from nnabla_compress.graph.exit_stages import INPUT, stages_of
from nnabla_compress.graph.network import Network
from nnabla_compress.models import ranet


def joined(network):
    """What all stages give, one after the other, on what the ones before gave."""
    made, exits = [], []
    for stage in stages_of(network):
        given = list(stage.network.inputs.values())
        for variable, (place, number) in zip(given, stage.sources):
            source = network.all_inputs[number].d if place == INPUT else made[place][number]
            variable.d = source
        nn.forward_all(stage.network.all_outputs)
        made.append([y.d.copy() for y in stage.network.all_outputs])
        exits.append(made[-1][0])
    return exits


def check(network):
    rng = np.random.RandomState(0)
    for x in network.all_inputs:
        x.d = rng.randn(*x.shape)
    found = joined(network)
    for output, got in zip(network.all_outputs, found):
        output.forward()
        np.testing.assert_array_equal(output.d, got)


def test_ranet_in_stages_gives_the_same_bits_and_computes_nothing_twice():
    x = nn.Variable((2, 1, 8, 8))
    exits = ranet(x, 10, True, 4, 4, scales=(1, 2), factors=(2, 1), classifier_maps=8)
    network = Network({"x": x}, exits)
    check(network)
    counts = [len(functions(stage.network.all_outputs)) for stage in stages_of(network)]
    assert sum(counts) == len(functions(list(exits.values())))


def test_maps_go_past_stages_that_do_not_read_them():
    x = nn.Variable((1, 4))
    h = F.relu(PF.affine(x, 3, name="a"))
    exits = {
        "exit1": PF.affine(h, 2, name="e1"),
        "exit2": PF.affine(x, 2, name="e2"),
        "exit3": PF.affine(F.tanh(h), 2, name="e3"),
    }
    network = Network({"x": x}, exits)
    first, second, third = stages_of(network)
    assert list(first.network.outputs) == ["exit1", "map1"]
    assert list(second.network.inputs) == ["x"] and list(second.network.outputs) == ["exit2"]
    assert third.sources == ((0, 1),)
    check(network)


def test_several_inputs_come_where_they_are_read():
    a, b = nn.Variable((1, 3)), nn.Variable((1, 3))
    exits = {"exit1": PF.affine(a, 2, name="e1"), "exit2": PF.affine(a + b, 2, name="e2")}
    network = Network({"a": a, "b": b}, exits)
    assert [stage.sources for stage in stages_of(network)] == [((-1, 0),), ((-1, 0), (-1, 1))]
    check(network)


def test_a_weight_that_two_stages_share_is_quantized_in_both():
    x = nn.Variable((1, 4))
    w = nn.parameter.get_parameter_or_create("w", (4, 4))
    w.d = np.random.RandomState(1).randn(4, 4)
    quantized = Q.Uniform(bits=3)(w)
    h = F.affine(x, quantized)
    exits = {"exit1": h * 2, "exit2": F.affine(F.relu(h), quantized)}
    network = Network({"x": x}, exits)
    assert [list(stage.network.inputs) for stage in stages_of(network)] == [["x"], ["map1"]]
    check(network)


def test_an_exit_that_is_read_on_is_handed_on():
    x = nn.Variable((1, 4))
    first = PF.affine(x, 2, name="e1")
    network = Network({"x": x}, {"exit1": first, "exit2": PF.affine(first, 2, name="e2")})
    assert list(stages_of(network)[0].network.outputs) == ["exit1", "map1"]
    check(network)
