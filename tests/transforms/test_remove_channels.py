# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks without channels compute what those with zeros in their place do."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nnabla.utils.save import save

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis import costs
from nnabla_compress.analysis.couplings import as_network, couplings
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.models.lenet import lenet
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.transforms import (
    costs_after,
    insert_weight_quantizers,
    remove_channels,
    shrink,
)
from nnabla_compress.transforms.remove_channels import RemoveChannels, without_channels
from tests.analysis.channels import APART, conv
from tests.graph.networks import build, randomize_statistics, recipes
from tests.growth import times_as_long
from tests.properties import examples
from tests.transforms.removal import compare, put_to_zero, shapes, some_of_all

DATA = os.environ.get("NNABLA_COMPRESS_DATA")


def between(make, shape=(2, 3, 8, 8)):
    """A network with something between a convolution of 8 filters and a last layer."""
    x = nn.Variable(shape)
    y = PF.affine(make(conv(x, 8, "a")), 5, name="last")
    randomize_statistics()
    return as_network(y)


# What stands between two layers: how many channels the first group has, and the sizes that an
# Affine behind it reads after channels 1 and 3 went.
CASES = {
    **{
        name: (make, 4 if name in ("half of the channels", "in rows") else 8)
        for name, make in APART.items()
        if name != "dropout"
    },
    "concatenation": (lambda h: F.concatenate(h, F.tanh(conv(h, 4, "b")), axis=1), 8),
    "one after another twice": (lambda h: F.concatenate(h, h, axis=1), 8),
    "every second channel": (lambda h: F.slice(h, (0, 0, 0), (8, 8, 8), (2, 1, 1)), 4),
    "shuffled channels": (
        lambda h: F.reshape(
            F.transpose(F.reshape(h, (2, 2, 4, 8, 8)), (0, 2, 1, 3, 4)), (2, 8, 8, 8)
        ),
        4,
    ),
    "taken apart and stacked": (
        lambda h: F.stack(*F.split(F.reshape(h, (2, 2, 4, 8, 8)), axis=1), axis=2),
        4,
    ),
    "groups": (lambda h: conv(h, 8, "b", group=2), 4),
    "groups of one channel": (lambda h: conv(h, 16, "b", group=8), 8),
    "depthwise that multiplies": (
        lambda h: PF.depthwise_convolution(h, (3, 3), multiplier=2, name="d"),
        8,
    ),
    "depthwise deconvolution": (lambda h: PF.depthwise_deconvolution(h, (3, 3), name="d"), 8),
    "depthwise deconvolution of pairs": (
        lambda h: PF.depthwise_deconvolution(h, (3, 3), divisor=2, name="d"),
        4,
    ),
    "deconvolution": (lambda h: PF.deconvolution(h, 6, (2, 2), stride=(2, 2), name="up"), 8),
    "deconvolution in groups": (lambda h: PF.deconvolution(h, 6, (2, 2), group=2, name="up"), 4),
    "deconvolution of one channel": (
        lambda h: PF.deconvolution(h, 8, (2, 2), group=8, name="up"),
        8,
    ),
    "affine after affine": (lambda h: F.relu(PF.affine(h, 6, name="f")), 8),
    "affine of several axes": (lambda h: PF.affine(h, 6, base_axis=2, name="f"), 8),
    "shared weights": (lambda h: conv(conv(h, 8, "b"), 8, "b"), 8),
    "addition": (lambda h: F.relu(conv(h, 8, "b") + h), 8),
    "squeeze and excite": (
        lambda h: (
            h
            * F.sigmoid(
                PF.convolution(
                    F.relu(PF.convolution(F.global_average_pooling(h), 4, (1, 1), name="s")),
                    8,
                    (1, 1),
                    name="e",
                )
            )
        ),
        8,
    ),
    "instance normalization": (lambda h: PF.instance_normalization(h, name="n"), 8),
    "weight normalization": (
        lambda h: PF.convolution(
            h, 6, (3, 3), name="b", apply_w=lambda w: PF.weight_normalization(w, dim=0)
        ),
        8,
    ),
    "both signs": (lambda h: F.crelu(h, axis=1), 8),
    "repeated": (lambda h: F.tile(h, (1, 3, 1, 1)), 8),
    "flipped": (lambda h: F.flip(h, [1]), 8),
    "a constant added": (lambda h: h + F.constant(0.5, (2, 8, 8, 8)), 8),
    "spread from one pixel": (
        lambda h: F.broadcast(F.mean(h, (2, 3), keepdims=True), (2, 8, 4, 4)),
        8,
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_left_computes_the_same(name):
    make, size = CASES[name]
    network = between(make)
    first = couplings(network)[0]
    assert first.name == "a/conv" and first.size == size and first.kept is None
    smaller = compare(network, {"a/conv": [1, 3]})
    lost = 2 * len(first.members[0].where[0])
    assert shapes(smaller)["a/conv/W"] == (8 - lost, 3, 3, 3)
    assert shapes(smaller)["a/conv/b"] == (8 - lost,)


@pytest.mark.parametrize("name", sorted(CASES))
def test_all_groups_lose_some_at_once(name):
    network = between(CASES[name][0])
    compare(network, some_of_all(network, np.random.RandomState(1)))


@examples(15, derandomize=True)
@given(recipes())
def test_random_networks_compute_the_same(recipe):
    nn.clear_parameters()
    x = nn.Variable((2, 4, 6, 6))
    y = build(recipe, F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first")))
    randomize_statistics(recipe[2])
    network = as_network(y)
    compare(network, some_of_all(network, np.random.RandomState(recipe[2])))


def test_shortcuts_with_zeros_beside_them_stay_slices_or_become_convolutions():
    """Zeros before and behind are padded; those between channels are put there by a weight."""
    inner = {"layer2/block0/conv1/conv": range(20)}
    front = {
        "conv1/conv": [0, 1],
        "layer2/block0/conv2/conv": [0, 8, 9, 31],
        "layer3/block0/conv2/conv": [16, 24, 25, 47],
    }
    holes = {"conv1/conv": [5], "layer3/block0/conv2/conv": [0, 20]}
    for remove, added in ((inner, []), (front, []), (holes, ["shortcut/conv/W"] * 2)):
        nn.clear_parameters()
        x = nn.Variable((1, 3, 8, 8))
        y = resnet_cifar(x, 10, test=True, depth=8)
        randomize_statistics()
        smaller = compare(y, remove)
        new = [path for path in smaller.parameters if path.startswith("shortcut")]
        assert len(new) == len(added)
        for path in new:
            assert set(np.unique(smaller.parameters[path].d)) == {0, 1}
            assert not smaller.parameters[path].need_grad


def test_other_batch_sizes_follow():
    network = between(lambda h: F.reshape(F.relu(h), (2, -1)))
    (x,) = network.inputs
    smaller = remove_channels(network, {"a/conv": range(5)})
    moved = smaller.on({x: nn.Variable((7, 3, 8, 8))})
    moved.output.forward()
    assert moved.output.shape == (7, 5)


def test_the_given_graph_keeps_its_parameters_and_training_goes_on():
    network = between(lambda h: F.relu(PF.batch_normalization(h, name="n")))
    before = network.output
    network.all_inputs[0].d = np.random.RandomState(0).randn(2, 3, 8, 8)
    before.forward()
    expected = before.d.copy()
    smaller = remove_channels(network, {"a/conv": [0]})
    before.forward()
    np.testing.assert_array_equal(before.d, expected)
    assert smaller.parameters["n/bn/mean"].need_grad is False
    loss = F.mean((smaller.output - 1) ** 2)
    loss.forward()
    loss.backward()
    assert np.abs(smaller.parameters["a/conv/W"].g).max() > 0
    (normalization,) = [
        f for f in functions([smaller.output]) if f.info.type_name == "BatchNormalization"
    ]
    assert normalization.info.args["batch_stat"]


def of_a_layer(layer):
    return 1 if layer.type == "Affine" else 0


KEEP = {
    "lut": lambda layer: Q.LUT(bits=3),
    "uniform": lambda layer: Q.Uniform(bits=4, learn="qmax", axis=of_a_layer(layer)),
    "affine": lambda layer: Q.Affine(bits=4, axis=of_a_layer(layer)),
    "prune": lambda layer: Q.Prune(0.5),
    "inq": lambda layer: Q.INQ(),
    "wrpn": lambda layer: Q.WRPN(bits=3),
}


def quantized(choose):
    network = between(lambda h: F.relu(PF.batch_normalization(h, batch_stat=False, name="n")))
    (y,) = insert_weight_quantizers(network.all_outputs, choose)
    Q.prepare([y])
    return network.giving([y])


@pytest.mark.parametrize("name", sorted(KEEP))
def test_what_quantizers_know_of_each_weight_goes_along(name):
    network = quantized(KEEP[name])
    before = Q.graph_quantizers(network.all_outputs)[0]
    values = Q.quantizer_of(before).encode(before).decode()
    smaller = remove_channels(network, {"a/conv": [1, 6]})
    node = Q.graph_quantizers(smaller.all_outputs)[0]
    kept = [0, 2, 3, 4, 5, 7]
    np.testing.assert_array_equal(Q.quantizer_of(node).encode(node).decode(), values[kept])
    smaller.output.forward()
    states = {m.parameter for g in couplings(smaller) for m in g.members if m.role == "state"}
    assert all(smaller.parameters[path].shape for path in states)


@pytest.mark.parametrize(
    "name, choose",
    [
        ("DoReFa", lambda layer: Q.DoReFa(bits=3)),
        ("BinaryWeight", lambda layer: Q.BinaryWeight(axis=of_a_layer(layer))),
    ],
)
def test_a_quantizer_that_looks_at_all_weights_is_refused_and_nothing_has_changed(name, choose):
    network = quantized(choose)
    largest = np.abs(network.parameters["a/conv/W"].d).max(axis=(1, 2, 3)).argmax()
    before = shapes(network)
    with pytest.raises(ConfigError, match=f"{name} would give the weights that stay other values"):
        remove_channels(network, {"a/conv": [int(largest)]})
    assert shapes(network) == before


def test_groups_and_channels_that_can_not_go_are_refused_by_name():
    network = between(lambda h: conv(h, 4, "b"))
    for remove, words in (
        ({"a": [0]}, "no group of channels is called 'a'"),
        ({"a/conv": [8]}, "a/conv has no channel 8: it has 8"),
        ({"a/conv": [-1]}, "a/conv has no channel -1"),
        ({"last/affine": [0]}, "no channel of last/affine can go: the network's output y has them"),
        ({"b/conv": range(4)}, "b/conv would lose all of its 4 channels"),
    ):
        for refuse in (remove_channels, costs_after):
            with pytest.raises(ConfigError, match=words) as caught:
                refuse(network, remove)
            assert caught.value.help
    assert shapes(network)["a/conv/W"] == (8, 3, 3, 3)
    assert "a/conv" in _help_of(network, {"a/cnv": [0]})


def _help_of(network, remove):
    with pytest.raises(ConfigError) as caught:
        remove_channels(network, remove)
    return caught.value.help


def test_a_network_whose_weights_are_codes_is_refused(tmp_path):
    network = quantized(lambda layer: Q.Uniform(bits=4))
    export_nnp(tmp_path / "net.nnp", network.output, network.all_inputs[0], storage="packed")
    nn.clear_parameters()
    stored = NnpFile(tmp_path / "net.nnp").build()
    for refuse in (shrink, lambda network: remove_channels(network, {})):
        with pytest.raises(UnsupportedFunctionError, match="stored as codes"):
            refuse(stored)


def test_a_map_that_has_only_one_of_the_channels_can_not_lose_it():
    network = between(lambda h: conv(F.slice(h, (0, 0, 0), (1, 8, 8), (1, 1, 1)), 3, "b"))
    assert [group.size for group in couplings(network)][:2] == [1, 7]
    with pytest.raises(ConfigError, match="a/conv would lose all of its 1 channels"):
        remove_channels(network, {"a/conv": [0]})
    nn.clear_parameters()
    two = between(lambda h: F.concatenate(h, F.slice(h, (0, 0, 0), (2, 8, 8), (1, 1, 1)), axis=1))
    assert [group.size for group in couplings(two)][:2] == [2, 6]
    with pytest.raises(ConfigError, match="a/conv would lose all of its 2 channels"):
        remove_channels(two, {"a/conv": [0, 1]})


def test_what_was_decided_builds_the_same_again():
    network = between(lambda h: F.relu(h))
    transform = RemoveChannels.checked({"remove": {"a/conv": [5, 1, 5]}}, "remove_channels")
    decided = transform.decide(network, None)
    assert decided == {"remove": {"a/conv": [1, 5]}}
    again = network.copy()
    transform.replay(network, decided)
    with again.within():
        transform.replay(again, decided)
    assert shapes(again) == shapes(network)


def networks_of_the_data():
    return sorted([*Path(DATA).glob("models/*.nnp"), *Path(DATA).glob("nnp/*.nnp")]) if DATA else []


@pytest.mark.parametrize("path", networks_of_the_data(), ids=lambda path: path.name)
def test_stored_networks_compute_the_same(path):
    file = NnpFile(path)
    for name in file.names:
        nn.clear_parameters()
        network = file.build(name)
        compare(network, some_of_all(network, np.random.RandomState(0)))


def test_lenets_lose_channels_that_a_fully_connected_layer_reads():
    y = lenet(nn.Variable((1, 1, 28, 28)), 10, test=True, batch_norm=True)
    randomize_statistics()
    network = as_network(y)
    smaller = compare(network, some_of_all(network, np.random.RandomState(0)))
    assert shapes(smaller)["conv1/conv/W"][0] == 8


def test_time_grows_as_the_layers_of_a_residual_network_do():
    def shrink(depth):
        with nn.parameter_scope(f"depth{depth}"):
            x = nn.Variable((1, 3, 32, 32))
            network = as_network(resnet_cifar(x, 10, test=True, depth=depth))
        return lambda: remove_channels(network, some_of_all(network, np.random.RandomState(0)))

    # 55 / 19 = 2.9 times the layers; were it their square, 8.4 times the time.
    assert times_as_long(shrink(56), shrink(20)) < 6


def recurrent(x, steps=3, size=6):
    """A loop written out: the state is read by the layer that makes the next one."""
    h = F.constant(0, (x.shape[0], size))
    for _ in range(steps):
        h = F.tanh(PF.affine(F.concatenate(x, h, axis=1), size, name="cell"))
    return PF.affine(h, 3, name="last")


def test_the_state_of_a_loop_goes_with_the_layer_that_reads_it():
    network = as_network(recurrent(nn.Variable((2, 4))))
    randomize_statistics()
    state = couplings(network)[0]
    assert [(m.role, m.axis) for m in state.members if m.layer == "cell/affine"] == [
        ("input", 0),
        ("output", 1),
        ("shift", 0),
    ]
    smaller = compare(network, {"cell/affine": [0, 4]})
    assert shapes(smaller)["cell/affine/W"] == (4 + 4, 4)


def test_units_of_a_cell_go_through_all_of_its_gates():
    x, h, c = (nn.Variable((2, size)) for size in (3, 5, 5))
    h, c = PF.lstm_cell(x, F.constant(0, (2, 5)), F.constant(0, (2, 5)), 5, name="l")
    h, c = PF.lstm_cell(x, h, c, 5, name="l")
    y = PF.affine(h, 2, name="last")
    network = Network({"x": x}, {"y": y})
    (cell, *_) = [group for group in couplings(network) if group.kept is None]
    assert cell.size == 5
    smaller = compare(network, {cell.name: [1, 2]})
    assert [s for path, s in shapes(smaller).items() if path.startswith("l/")][0] == (6, 4, 3)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_units_of_recurrent_layers_that_are_written_out_can_go(kind, tmp_path):
    x, state = nn.Variable((2, 4, 3)), F.constant(0, (1, 1, 2, 5))
    states = (state, F.constant(0, (1, 1, 2, 5))) if kind == "lstm" else (state,)
    h = getattr(PF, kind)(F.transpose(x, (1, 0, 2)), *states, name="l")[0]
    y = PF.affine(F.transpose(h, (1, 0, 2)), 2, name="last")
    contents = {"name": "n", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    network = NnpFile(tmp_path / "net.nnp").build()
    cell = couplings(network)[0]
    assert cell.size == 5 and cell.kept is None
    smaller = compare(network, {cell.name: [0, 3]})
    assert shapes(smaller)["last/affine/W"] == (4 * 3, 2)


def test_put_to_zero_changes_what_a_network_computes():
    """The comparison above could not fail otherwise."""
    network = between(lambda h: F.relu(h))
    network.output.forward()
    before = network.output.d.copy()
    put_to_zero(network, {"a/conv": [0]})
    network.output.forward()
    assert np.abs(network.output.d - before).max() > 1e-3


# Multiply-accumulate operations that Distiller publishes of its pruned networks.
PUBLISHED = {
    "agp-pruning/resnet20_filters.schedule_agp_2": 30_638_720,
    "agp-pruning/resnet20_filters.schedule_agp_3": 30_655_104,
    "agp-pruning/resnet20_filters.schedule_agp_4": 24_723_776,
    "pruning_filters_for_efficient_convnets/resnet56_cifar_filter_rank": 78_856_832,
    "pruning_filters_for_efficient_convnets/resnet56_cifar_filter_rank_v2": 67_797_632,
    "pruning_filters_for_efficient_convnets/resnet56_cifar_channel_rank": 66_592_384,
    "ssl/ssl_channels-removal_finetuning_x1.8": 22_583_936,
    "ssl/ssl_filter-removal_training": 27_800_192,
}


def published_shapes():
    """Shapes of weights by layer of each pruned network, without the layers' endings."""
    found = {}
    path = Path(DATA or "", "oracles", "pruning", "distiller_pruned_shapes.csv")
    if not DATA or not path.exists():
        return found
    with path.open() as file:
        for row in csv.DictReader(file):
            shape = tuple(map(int, row["shape_OIKK"].split("x")))
            network = found.setdefault(row["schedule"].rsplit(".", 1)[0], {})
            network[row["layer"].rsplit(".", 1)[0]] = shape
    return found


def dense_network(blocks):
    """A residual network with shortcuts by convolutions and the blocks that are named."""

    def convolution(h, maps, name, size=3, stride=1):
        options = dict(pad=(size // 2,) * 2, stride=(stride,) * 2, with_bias=False, name=name)
        h = PF.convolution(h, maps, (size, size), **options)
        return PF.batch_normalization(h, batch_stat=False, name=name)

    x = nn.Variable((1, 3, 32, 32))
    h = F.relu(convolution(x, 16, "conv1"))
    for name in blocks:
        stage, number = int(name[len("layer")]), name.split(".")[1]
        maps, stride = 8 << stage, 2 if stage > 1 and number == "0" else 1
        short = h if stride == 1 else convolution(h, maps, f"{name}.downsample.0", 1, 2)
        inner = F.relu(convolution(h, maps, f"{name}.conv1", stride=stride))
        h = F.relu(convolution(inner, maps, f"{name}.conv2") + short)
    return as_network(PF.affine(F.average_pooling(h, (8, 8)), 10, name="fc"))


@pytest.mark.long
@pytest.mark.skipif(not DATA, reason="NNABLA_COMPRESS_DATA is not set")
def test_published_networks_are_reproduced_in_shapes_and_operations():
    networks = published_shapes()
    assert len(networks) == 20
    for name, shapes_of in networks.items():
        nn.clear_parameters()
        blocks = dict.fromkeys(key.rpartition(".conv")[0] for key in shapes_of if ".conv" in key)
        network = dense_network(blocks)
        remove = {
            group.name: range(shapes_of[group.name.rpartition("/")[0]][0], group.size)
            for group in couplings(network)
            if group.kept is None
        }
        expected = costs_after(network, remove)
        smaller = without_channels(network, remove)
        made = {
            path.rsplit("/", 2)[0]: v.shape[::-1] if path.startswith("fc") else v.shape
            for path, v in smaller.parameters.items()
            if path.endswith("/W")
        }
        assert made == shapes_of, name
        found = costs(smaller.all_outputs)
        maps = {
            "l": lambda key: (64 >> int(key[5])) ** 2,
            "c": lambda key: 1024,
            "f": lambda key: 1,
        }
        macs = sum(int(np.prod(s)) * maps[key[0]](key) for key, s in shapes_of.items())
        assert found.macs == expected.macs == macs == PUBLISHED.get(name, macs), name
        weights = sum(int(np.prod(shape)) for shape in shapes_of.values())
        normalized = 4 * sum(shape[0] for key, shape in shapes_of.items() if key != "fc")
        assert found.parameters == expected.parameters == weights + normalized + 10, name


@st.composite
def chains(draw):
    """What stands between convolutions, what is added or joined to what, and a seed."""
    steps = st.tuples(st.sampled_from(sorted(CASES)), st.sampled_from(["", "add", "join", "pad"]))
    return draw(st.lists(steps, min_size=1, max_size=4)), draw(st.integers(0, 2**16))


@examples(20, derandomize=True)
@given(chains())
def test_all_of_it_one_after_another_computes_the_same(chain):
    steps, seed = chain
    nn.clear_parameters()
    h = F.relu(conv(nn.Variable((2, 3, 8, 8)), 8, "start"))
    for number, (name, joined) in enumerate(steps):
        before = h
        with nn.parameter_scope(f"step{number}"):
            made = CASES[name][0](conv(h, 8, "a"))
            h = conv(made, 8, "z") if made.ndim == 4 and made.shape[2:] == (8, 8) else h
            if joined == "add":
                h = F.relu(h + before)
            elif joined == "join":
                h = F.relu(conv(F.concatenate(h, before, axis=1), 8, "j"))
            elif joined == "pad":
                h = F.pad(F.slice(h, (2, 0, 0), (6, 8, 8), (1, 1, 1)), (1, 3, 0, 0, 0, 0)) + before
    network = as_network(PF.affine(h, 5, name="last"))
    randomize_statistics(seed)
    compare(network, some_of_all(network, np.random.RandomState(seed), part=0.4))
