# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Wide networks compute what the narrow ones did, and their copies learn apart."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis import costs
from nnabla_compress.analysis.couplings import Couplings, as_network
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.models.lenet import lenet
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.transforms import Widen, widen
from nnabla_compress.transforms.widen import layers_together
from tests.analysis.channels import APART, MIXED, conv
from tests.graph.networks import randomize_statistics


def computed(y, x, rng):
    x.d = rng.randn(*x.shape)
    y.forward()
    return y.d.copy()


def compare(build, shape, factor=2, layers="*"):
    """Shapes of the parameters after the network that ``build`` makes became wide."""
    rng = np.random.RandomState(3)
    x = nn.Variable(shape)
    y = build(x)
    randomize_statistics()
    for parameter in nn.get_parameters().values():
        parameter.d = parameter.d + 0.1 * rng.randn(*parameter.shape)
    (wide,) = widen([y], factor, layers, seed=1)
    samples = rng.randn(*shape)
    x.d = samples
    nn.forward_all([y, wide])
    np.testing.assert_allclose(wide.d, y.d, rtol=1e-4, atol=2e-5 * np.abs(y.d).max())
    return {name: v.shape for name, v in nn.get_parameters(grad_only=False).items()}


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("between", sorted(set(APART) - {"dropout"}))
def test_it_computes_the_same_through_all_functions_that_let_it(between, factor):
    shapes = compare(
        lambda x: PF.affine(APART[between](conv(x, 8, "a")), 5, name="last"), (2, 3, 8, 8), factor
    )
    assert shapes["a/conv/W"] == (8 * factor, 3, 3, 3)
    assert shapes["last/affine/W"][1] == 5


@pytest.mark.parametrize("between", sorted(MIXED))
def test_where_channels_mix_nothing_can_be_widened(between):
    x = nn.Variable((2, 3, 8, 8))
    y = PF.affine(MIXED[between](conv(x, 8, "a")), 5, name="last")
    with pytest.raises(ConfigError, match="no chosen layer can have more filters"):
        widen([y])


@pytest.mark.parametrize(
    "build",
    [
        lambda h: conv(F.concatenate(h, conv(h, 4, "b"), axis=1), 6, "c"),
        lambda h: F.reshape(F.concatenate(h, conv(h, 4, "b"), axis=1), (2, -1)),
        lambda h: conv(conv(h, 8, "b", group=2), 8, "c", group=4),
        lambda h: F.relu(conv(h, 8, "b") + h),
        lambda h: conv(conv(h, 8, "b"), 8, "b"),
        lambda h: PF.deconvolution(h, 6, (2, 2), stride=(2, 2), name="up"),
        lambda h: PF.affine(F.relu(PF.affine(h, 20, name="f")), 7, name="g"),
        lambda h: F.broadcast(F.mean(h, (2, 3), keepdims=True), (2, 8, 4, 4)),
    ],
)
def test_it_computes_the_same_through_layers_and_joins(build):
    compare(lambda x: PF.affine(build(conv(x, 8, "a")), 5, name="last"), (2, 3, 8, 8), 3)


def test_only_chosen_layers_get_more_filters():
    shapes = compare(
        lambda x: PF.affine(conv(conv(x, 8, "a"), 8, "b"), 5, name="last"), (2, 3, 8, 8), 2, ["b*"]
    )
    assert shapes["a/conv/W"] == (8, 3, 3, 3)
    assert shapes["b/conv/W"] == (16, 8, 3, 3)
    assert shapes["b/conv/b"] == (16,)


def test_residual_networks_and_lenets_grow_with_the_square():
    x = nn.Variable((1, 3, 32, 32))
    y = resnet_cifar(x, 10, test=True)
    before = costs([y])
    (wide,) = widen([y], 2)
    after = costs([wide])
    assert 3.9 < after.parameters / before.parameters < 4
    nn.clear_parameters()
    y = lenet(nn.Variable((1, 1, 28, 28)), 10, test=True, batch_norm=True)
    widen([y], 2)
    shapes = {name: v.shape for name, v in nn.get_parameters(grad_only=False).items()}
    assert shapes["conv1/conv/W"] == (32, 1, 5, 5)  # the network's inputs stay
    assert shapes["bn2/bn/mean"] == (1, 32, 1, 1)
    assert shapes["fc4/affine/W"] == (100, 10)  # and its outputs


def test_other_batch_sizes_follow():
    x = nn.Variable((2, 3, 8, 8))
    h = F.relu(PF.batch_normalization(conv(x, 4, "a"), batch_stat=False, name="a"))
    y = PF.affine(F.reshape(h, (2, -1)), 5, name="last")
    (wide,) = widen([y], 2)
    moved = Network({"x": x}, {"y": wide}).on({"x": nn.Variable((7, 3, 8, 8))})
    moved.output.forward()
    assert moved.output.shape == (7, 5)


def test_copies_of_a_filter_learn_apart(rng):
    x = nn.Variable.from_numpy_array(rng.randn(16, 6))
    (y,) = widen([PF.affine(F.relu(PF.affine(x, 4, name="a")), 3, name="b")], 2)
    weight = nn.get_parameters()["a/affine/W"]
    np.testing.assert_array_equal(weight.d[:, ::2], weight.d[:, 1::2])
    solver = S.Sgd(0.1)
    solver.set_parameters(nn.get_parameters())
    loss = F.mean(F.squared_error(y, nn.Variable.from_numpy_array(rng.randn(16, 3))))
    loss.forward()
    solver.zero_grad()
    loss.backward()
    solver.update()
    assert (weight.d[:, ::2] != weight.d[:, 1::2]).any(axis=0).all()


def test_the_seed_decides_and_the_given_graph_keeps_its_parameters(rng):
    def made(seed):
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(5)
        x = nn.Variable((1, 6))
        y = PF.affine(PF.affine(x, 4, name="a"), 3, name="b")
        before = computed(y, x, np.random.RandomState(1))
        (wide,) = widen([y], 2, seed=seed)
        np.testing.assert_array_equal(computed(y, x, np.random.RandomState(1)), before)
        return {name: v.d.copy() for name, v in nn.get_parameters().items()}

    first, again, other = made(1), made(1), made(2)
    for name, values in first.items():
        np.testing.assert_array_equal(again[name], values)
    assert (other["b/affine/W"] != first["b/affine/W"]).any()


def test_layers_that_are_added_are_widened_together_or_not_at_all():
    x = nn.Variable((1, 3, 8, 8))
    h = conv(x, 8, "a")
    y = PF.affine(h + conv(h, 8, "b"), 5, name="last")
    with pytest.raises(ConfigError, match="b/conv and a/conv give maps that are added") as caught:
        widen([y], layers="b*")
    assert "both" in caught.value.help


def test_a_misspelt_layer_and_quantized_weights_are_refused():
    x = nn.Variable((1, 3, 8, 8))
    y = PF.affine(conv(x, 8, "a", apply_w=Q.WRPN(bits=2)), 5, name="last")
    with pytest.raises(ConfigError, match="a/conv is quantized already, by WRPN"):
        widen([y])
    nn.clear_parameters()
    y = PF.affine(Q.DoReFa(bits=2)(conv(x, 8, "a")), 5, name="last")
    with pytest.raises(ConfigError, match="a tensor is quantized already, by DoReFa"):
        widen([y])
    nn.clear_parameters()
    y = PF.affine(conv(x, 8, "first"), 5, name="last")
    with pytest.raises(ConfigError, match="no layer matches 'frist") as caught:
        widen([y], layers="frist/conv")
    assert "first/conv" in caught.value.help


@pytest.mark.parametrize("factor", [1, 17, 2.5])
def test_other_factors_are_refused(factor):
    with pytest.raises(ConfigError, match="factor"):
        Widen.checked({"factor": factor}, "widen")


def together(build):
    """The layers that can grow, of a network between a first convolution a and a last layer."""
    h = build(conv(nn.Variable((2, 3, 8, 8)), 8, "a"))
    found = layers_together(Couplings(as_network(PF.affine(h, 5, name="last"))))
    return [[name.split("/")[0] for name in names] for names in found]


@pytest.mark.parametrize("between", sorted(APART))
def test_functions_that_keep_channels_apart_leave_them_free(between):
    assert together(APART[between]) == [["a"]]


@pytest.mark.parametrize(
    "build, expected",
    [
        (lambda h: F.relu(conv(h, 8, "b") + h), [["a", "b"]]),
        (lambda h: F.concatenate(h, conv(h, 4, "b"), axis=1), [["a"], ["b"]]),
        (
            lambda h: F.concatenate(conv(h, 4, "b"), conv(h, 4, "c"), axis=1) + h,
            [["a", "b", "c"]],
        ),
        (lambda h: conv(conv(h, 8, "b"), 8, "b"), [["a", "b"]]),
        (lambda h: conv(h, 8, "b", group=2), [["a"], ["b"]]),
        (lambda h: conv(F.concatenate(h, conv(h, 8, "b")), 8, "c", group=2), [["a", "b"], ["c"]]),
        (lambda h: F.slice(h, (0, 0, 0), (8, 8, 8), (2, 1, 1)), []),
        (lambda h: PF.embed(F.round(F.mean(h, (1, 2, 3))), 9, 3, name="e"), [["e"]]),
        (
            lambda h: PF.convolution(
                h, 4, (3, 3), apply_w=lambda w: PF.weight_normalization(w), name="b"
            ),
            [],
        ),
    ],
)
def test_layers_whose_channels_meet_grow_together(build, expected):
    assert together(build) == expected


def test_a_weight_that_is_read_otherwise_too_is_fixed():
    def build(h):
        h = conv(h, 8, "b")
        return h * F.mean(h.parent.inputs[1], (0, 1, 2, 3), keepdims=True)

    assert together(build) == []


def test_a_residual_network_has_a_group_for_all_that_its_shortcuts_join():
    network = as_network(resnet_cifar(nn.Variable((1, 3, 32, 32)), 10, test=True))
    groups = layers_together(Couplings(network))
    joined = max(groups, key=len)
    assert {"conv1/conv", "layer1/block0/conv2/conv", "layer3/block2/conv2/conv"} <= set(joined)
    assert ["layer1/block0/conv1/conv"] in groups
    assert sum(map(len, groups)) == 19
