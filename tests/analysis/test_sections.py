# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where networks can be cut, and what passes."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress import models
from nnabla_compress import quantizers as Q
from nnabla_compress.analysis.sections import (
    blocks,
    cut_points,
    even_cuts,
    maps_of,
    most_sections,
    sections_of,
    trainable,
)
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network


@pytest.fixture(autouse=True)
def nothing_left():
    nn.clear_parameters()
    yield
    nn.clear_parameters()


def residual(quantizer=None, activation=None):
    """a, then a block of b and c with a skip connection, then d."""
    more = {} if quantizer is None else {"apply_w": quantizer}

    def on(h):
        if activation is None:
            return h
        with nn.parameter_scope(f"map{len(nn.get_parameters())}"):
            return activation(h)

    x = nn.Variable((1, 4))
    h = on(F.relu(PF.affine(x, 4, name="a", **more)))
    inner = on(F.relu(PF.affine(h, 4, name="b", **more)))
    h = F.relu(F.add2(PF.affine(inner, 4, name="c", **more), h))
    return Network({"x": x}, {"y": PF.affine(on(h), 2, name="d", **more)})


def test_only_maps_that_everything_passes_are_cut_points():
    assert cut_points(residual()) == [
        "a/affine",
        "a/affine/relu",
        "c/affine/add2",
        "c/affine/relu",
    ]


def test_quantizers_do_not_change_where_a_network_can_be_cut():
    plain = cut_points(residual())
    nn.clear_parameters()
    assert cut_points(residual(Q.Uniform(bits=4), Q.DoReFa(bits=2))) == plain


def test_a_skip_connection_passes_the_cut_that_it_crosses():
    first, second = sections_of(residual(), ["b/affine/relu"])
    assert first.inputs == ("x",) and first.reads == ()
    assert first.gives == ("a/affine/relu", "b/affine/relu")
    assert second.reads == ("b/affine/relu", "a/affine/relu")
    assert second.sources == (1, 1) and second.is_last and not first.is_last
    assert first.layers == ("a/affine", "b/affine") and second.layers == ("c/affine", "d/affine")
    assert first.parameters == ("a/affine/W", "a/affine/b", "b/affine/W", "b/affine/b")
    assert (first.macs, second.macs) == (32, 24)


def test_a_map_that_skips_a_whole_section_is_read_behind_it():
    parts = sections_of(residual(), ["b/affine/relu", "a/affine/relu"])
    assert [part.reads for part in parts] == [
        (),
        ("a/affine/relu",),
        ("b/affine/relu", "a/affine/relu"),
    ]
    assert parts[2].sources == (2, 1)


def test_the_quantizer_of_a_map_belongs_to_the_section_that_reads_the_map():
    network = residual(activation=Q.Uniform(bits=4))
    first, second = sections_of(network, ["c/affine/relu"])
    maps = maps_of(network)
    assert first.ends(network, maps)[0].parent.info.type_name == "ReLU"
    assert any(path.startswith("map") for path in first.parameters)
    ranges = [path for path in second.parameters if path.startswith("map")]
    assert ranges and set(second.parameters) == {"d/affine/W", "d/affine/b", *ranges}


def test_a_range_that_would_be_learned_on_both_sides_is_refused():
    network = residual(activation=Q.Uniform(bits=4))
    with pytest.raises(ConfigError, match="belongs to section 1 and to section 2"):
        sections_of(network, ["b/affine/relu"])


def test_branches_of_several_inputs_are_cut_where_they_are():
    one, other = nn.Variable((1, 3)), nn.Variable((1, 5))
    left = F.relu(PF.affine(one, 4, name="left"))
    right = F.tanh(PF.affine(other, 4, name="right"))
    network = Network(
        {"one": one, "other": other}, {"y": PF.affine(F.add2(left, right), 2, name="end")}
    )
    first, second = sections_of(network, ["left/affine/relu"])
    assert first.inputs == ("one",) and second.inputs == ("other",)
    assert second.reads == ("left/affine/relu",)
    assert cut_points(network) == ["right/affine/add2"]


def test_blocks_are_found_from_where_branches_part_to_behind_where_they_meet():
    assert blocks(residual()) == ["a/affine/relu", "c/affine/relu"]
    x = nn.Variable((1, 3, 32, 32))
    network = Network({"x": x}, {"y": models.build("resnet20", x, 10, True)})
    found = blocks(network)
    assert len(found) == 10 and found[0] == "conv1/conv/relu"
    assert found[-1] == "layer3/block2/conv2/conv/relu"
    assert len(sections_of(network, trainable(network, found))) == 11


def test_a_chain_has_no_blocks():
    x = nn.Variable((1, 1, 8, 8))
    assert blocks(Network({"x": x}, {"y": models.build("lenet", x, 10, True)})) == []


def lenet():
    x = nn.Variable((1, 1, 8, 8))
    return Network({"x": x}, {"y": models.build("lenet", x, 10, True)})


@pytest.mark.parametrize(
    ("count", "by", "expected"),
    [
        (2, "operations", ["conv1/conv/relu"]),  # 25,600 and 106,100 of 131,700
        (2, "layers", ["conv2/conv/relu"]),
        (3, "layers", ["conv1/conv/relu", "conv2/conv/relu"]),
        (4, "operations", ["conv1/conv/relu", "conv2/conv/relu", "fc3/affine/relu"]),
    ],
)
def test_sections_are_as_even_as_can_be(count, by, expected):
    network = lenet()
    assert even_cuts(network, count, by, cut_points(network)) == expected


def test_a_longer_chain_is_divided_at_the_least_largest_part():
    x = h = nn.Variable((1, 2))
    for number, width in enumerate((8, 2, 30, 2, 10, 2)):
        h = F.relu(PF.affine(h, width, name=f"l{number}"))
    network = Network({"x": x}, {"y": h})  # 16, 16, 60, 60, 20, 20
    found = even_cuts(network, 3, "operations", cut_points(network))
    assert [part.macs for part in sections_of(network, found)] == [92, 60, 40]


def test_more_sections_than_layers_are_refused_with_the_places_that_there_are():
    network = lenet()
    assert most_sections(network, cut_points(network)) == 4
    with pytest.raises(ConfigError) as caught:
        even_cuts(network, 5, "layers", cut_points(network))
    assert "into 4 section(s) at most, 5 are asked for" in caught.value.message
    assert "conv2/conv/relu" in caught.value.help


def test_a_place_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        sections_of(lenet(), ["conv2/conv/rlu"])
    assert "no map 'conv2/conv/rlu'" in caught.value.message
    assert "did you mean 'conv2/conv/relu'" in caught.value.help


@pytest.mark.parametrize(
    ("at", "where"),
    [
        (["conv1/conv", "conv1/conv/relu"], "section 2, behind conv1/conv to conv1/conv/relu,"),
        (["fc4/affine"], "section 2, behind fc4/affine to the output,"),
    ],
)
def test_a_section_with_nothing_to_train_is_refused(at, where):
    with pytest.raises(ConfigError, match="has nothing to train") as caught:
        sections_of(lenet(), at)
    assert where in caught.value.message and "conv2/conv/relu" in caught.value.help


def test_steps_of_a_loop_are_not_cut_apart():
    x = nn.Variable((1, 3, 4))
    state = PF.affine(x[:, 0], 4, name="in")
    for step in range(3):
        inputs = PF.affine(x[:, step], 4, name="in")
        state = F.tanh(F.add2(inputs, PF.affine(state, 4, name="loop")))
    network = Network({"x": x}, {"y": PF.affine(state, 2, name="out")})
    inside = "loop/affine/tanh"
    with pytest.raises(ConfigError) as caught:
        sections_of(network, [inside])
    assert "belongs to section 1 and to section 2" in caught.value.message
    assert "all steps of a loop" in caught.value.help
    assert inside not in cut_points(network)
    found = cut_points(network)
    assert found and all(len(sections_of(network, [name])) == 2 for name in found)


def test_cuts_that_leave_nothing_to_train_are_left_out():
    network = lenet()
    assert trainable(network, cut_points(network)) == ["conv1/conv", "conv2/conv", "fc3/affine"]
