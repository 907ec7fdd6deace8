# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.analysis.neurons import neurons
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.transforms import Fold, NormalizeNeurons
from nnabla_compress.transforms.transform import Alone
from tests.transforms.removal import assert_close, computed, shapes

DATA = os.environ.get("NNABLA_COMPRESS_DATA")


def lengths(network):
    with network.within():
        rows = {
            e.layer.name: np.moveaxis(e.layer.weight.d, e.layer.output_axis, 0)
            for e in neurons(network.all_outputs)
        }
    return {name: np.sqrt(np.square(w.reshape(len(w), -1)).sum(axis=1)) for name, w in rows.items()}


def normalized(network, context=None, **options):
    before = computed(network)
    with network.within():
        made, decided = NormalizeNeurons(**options).apply(network, context)
    return before, made, decided


def test_an_mlp_computes_the_same_with_weights_of_length_1():
    nn.clear_parameters()
    h = F.relu(PF.affine(nn.Variable((2, 6)), 8, name="a"))
    h = F.relu(PF.affine(h, 8, name="b", with_bias=False))
    before, made, decided = normalized(as_network(PF.affine(h, 3, name="c")))
    assert_close(before, computed(made))
    assert decided["layers"] == ["a/affine", "b/affine"] and decided["inputs"] is None
    assert all(np.allclose(of, 1, atol=1e-6) for of in lengths(made).values())


def test_five_units_of_two_inputs_become_three_where_three_are_always_on():
    nn.clear_parameters()
    x = nn.Variable((64, 2))
    y = PF.affine(F.relu(PF.affine(x, 5, name="a")), 1, name="b")
    rng, scope = np.random.RandomState(0), nn.get_parameters()
    scope["a/affine/W"].d = 3 * rng.randn(2, 5)
    scope["a/affine/b"].d = [-1, 2, 99, 98, 97]
    x.d = rng.uniform(-1, 1, x.shape)
    y.forward()
    before = y.d.copy()
    made, decided = NormalizeNeurons(inputs=(-1, 1)).apply(as_network(y))
    assert decided["units"]["a/affine"]["merged"] == [2, 3, 4]
    assert decided["lengths"]["a/affine"] == pytest.approx(np.sqrt(2))
    assert shapes(made)["a/affine/W"] == (2, 3)
    scope = nn.get_parameters()
    assert np.abs(scope["a/affine/b"].d).max() <= np.sqrt(2) * 1.0001
    made.output.forward()
    np.testing.assert_allclose(made.output.d, before, atol=1e-4)


def test_units_that_are_always_off_go_and_those_on_keep_a_bounded_threshold():
    nn.clear_parameters()
    x = nn.Variable((4, 1, 8, 8))
    h = F.max_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="a")), (2, 2))
    y = PF.affine(h, 3, name="b")
    nn.get_parameters()["a/conv/b"].d = [-50, 50, 0, -50]
    x.d = np.random.RandomState(0).rand(*x.shape)
    y.forward()
    before = y.d.copy()
    made, decided = NormalizeNeurons(inputs=(0, 1)).apply(as_network(y))
    assert decided["units"]["a/conv"]["off"] == [0, 3] and decided["units"]["a/conv"]["on"] == [1]
    assert shapes(made)["a/conv/W"] == (2, 1, 3, 3)
    assert np.abs(nn.get_parameters()["a/conv/b"].d).max() <= 3
    made.output.forward()
    np.testing.assert_allclose(made.output.d, before, rtol=1e-4, atol=1e-4)
    told = NormalizeNeurons().told(decided)
    assert "2 units are always off, 1 always on for inputs from 0 to 1; 2 units are taken" in told


@pytest.mark.parametrize("sign", [F.binary_tanh, F.binary_sigmoid, F.sign])
def test_of_units_of_signs_the_length_is_dropped_and_constants_go_to_the_bias_behind(sign):
    nn.clear_parameters()
    x = nn.Variable((32, 4))
    y = PF.affine(sign(PF.affine(x, 6, name="a")), 3, name="b")
    nn.get_parameters()["a/affine/b"].d = [0.1, -90, 90, 0.2, 0, -0.1]
    reading = nn.get_parameters()["b/affine/W"].d.copy()
    x.d = np.random.RandomState(0).uniform(-1, 1, x.shape)
    y.forward()
    before = y.d.copy()
    made, decided = NormalizeNeurons(inputs=(-1, 1)).apply(as_network(y))
    assert decided["units"]["a/affine"]["off"] == [1] and decided["units"]["a/affine"]["on"] == [2]
    assert shapes(made)["a/affine/W"] == (4, 4)
    np.testing.assert_array_equal(nn.get_parameters()["b/affine/W"].d, reading[[0, 3, 4, 5]])
    made.output.forward()
    np.testing.assert_allclose(made.output.d, before, rtol=1e-5, atol=1e-5)


def test_the_given_network_keeps_its_own_values_and_the_new_ones_take_the_paths():
    nn.clear_parameters()
    y = PF.affine(F.relu(PF.affine(nn.Variable((1, 4)), 5, name="a")), 2, name="b")
    network = as_network(y)
    given = {path: v.d.copy() for path, v in nn.get_parameters().items()}
    held = dict(nn.get_parameters())
    NormalizeNeurons(inputs=(0, 1)).apply(network)
    for path, variable in held.items():
        np.testing.assert_array_equal(variable.d, given[path])
    assert sorted(nn.get_parameters()) == sorted(given)


def test_replaying_the_decisions_gives_the_same_network():
    def network():
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(3)
        y = PF.affine(F.relu(PF.affine(nn.Variable((1, 4)), 9, name="a")), 2, name="b")
        nn.get_parameters()["a/affine/b"].d = [-9, 9, 9, 9, 9, 0, 0, 0, 0]
        return as_network(y)

    transform = NormalizeNeurons(inputs=(0, 1))
    made, decided = transform.apply(network())
    values = {path: v.d.copy() for path, v in made.parameters.items()}
    again = transform.replay(network(), decided)
    for path, variable in again.parameters.items():
        np.testing.assert_array_equal(variable.d, values[path])


def test_the_range_of_the_inputs_is_that_of_the_samples_where_there_are_some():
    class Samples(Alone):
        def samples(self, most):
            return {"x": np.float32([[0, 3], [-1, 2]])}

    nn.clear_parameters()
    y = PF.affine(F.relu(PF.affine(nn.Variable((1, 2)), 5, name="a")), 2, name="b")
    _, _, decided = normalized(as_network(y), Samples())
    assert decided["inputs"] == [-1, 3]


@pytest.mark.parametrize(
    "file, layers",
    [
        ("sony_nnabla-lenet_010000", ["conv1/conv", "conv2/conv", "fc3/affine"]),
        ("MizunagiKB_gd_nnabla-model_simple", ["affine_1/affine"]),
        ("goofmint_NNC_CLI_DEMO-result", ["Affine/affine"]),
    ],
)
def test_networks_of_others_compute_the_same(file, layers):
    if DATA is None:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    nn.clear_parameters()
    network = NnpFile(Path(DATA) / "nnp" / f"{file}.nnp").build()
    with network.within():
        network, _ = Fold().apply(network)
    for options in ({}, {"inputs": (0, 255)}):
        before, made, decided = normalized(network.copy(), **options)
        assert decided["layers"] == layers
        assert_close(before, computed(made))
        assert all(np.allclose(of, 1, atol=1e-5) for of in lengths(made).values())


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda x: PF.affine(x, 2, name="a"), "no layer is followed by a ReLU"),
        (
            lambda x: compress(PF.affine(F.relu(PF.affine(x, 4)), 2, name="a"), "lut:bits=2"),
            "quantized already",
        ),
    ],
)
def test_what_has_no_such_neurons_is_refused(build, message):
    nn.clear_parameters()
    with pytest.raises(ConfigError, match=message) as error:
        NormalizeNeurons().apply(as_network(build(nn.Variable((1, 4)))))
    assert error.value.help


def test_parameters_that_are_no_numbers_are_refused():
    x = nn.Variable((8, 2))
    y = PF.affine(F.relu(PF.affine(x, 5, name="a")), 1, name="b")
    for path, value in (("a/affine/W", np.nan), ("a/affine/b", np.inf)):
        kept = nn.get_parameters()[path].d.copy()
        nn.get_parameters()[path].d = value
        with pytest.raises(ConfigError, match="parameters of a/affine are NaN or infinite"):
            NormalizeNeurons(inputs=(0, 1)).apply(Network({"x": x}, {"y": y}))
        nn.get_parameters()[path].d = kept


def test_a_range_the_wrong_way_round_or_without_an_end_is_refused():
    with pytest.raises(ConfigError, match=r"inputs is \[0, inf\]"):
        NormalizeNeurons(inputs=(0, float("inf")))
    with pytest.raises(ConfigError, match=r"inputs is \[1, 0\]"):
        NormalizeNeurons.checked([1, 0])
