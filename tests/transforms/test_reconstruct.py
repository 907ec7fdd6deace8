# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What layers behind removed channels become, compared with NumPy's least squares."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

from nnabla_compress.errors import DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Uniform
from nnabla_compress.transforms import PruneChannels, remove_channels
from nnabla_compress.transforms.reconstruct import reconstruct
from tests.graph.networks import build, randomize_statistics, recipes
from tests.properties import examples
from tests.transforms.removal import put_to_zero, some_of_all

RNG = np.random.RandomState(3)
SAMPLES = RNG.randn(400, 5).astype(np.float32)


def affine_layers(build, samples=SAMPLES):
    """A network of random weights; what its outputs are for the samples."""
    nn.clear_parameters()
    x = nn.Variable((len(samples), *samples.shape[1:]))
    network = Network({"x": x}, {"y": build(x)})
    rng = np.random.RandomState(0)
    for path, parameter in nn.get_parameters(grad_only=False).items():
        values = rng.randn(*parameter.shape).astype(np.float32)
        parameter.d = np.abs(values) + 0.5 if path.endswith(("var", "gamma")) else values
    return network


def computed(network, *names, samples=SAMPLES):
    """Outputs of a network, and values of variables that functions of these types compute."""
    network.all_inputs[0].d = samples
    network.output.forward()
    return np.array(network.output.d, np.float64)


def fitted(x, y):
    """Weights and shifts of least squares, and what they give."""
    patterns = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found = np.linalg.lstsq(patterns, y, rcond=None)[0]
    return found, patterns @ found


def two(x):
    h = F.relu(PF.affine(x, 6, name="a"))
    return PF.affine(h, 3, name="b")


def test_the_layer_behind_gets_the_least_squares_of_what_it_gave():
    network = affine_layers(two)
    expected = computed(network)
    weight, bias = (network.parameters[f"a/affine/{key}"].d for key in "Wb")
    h = np.maximum(SAMPLES @ weight + bias, 0)[:, [0, 2, 3, 5]]
    made = remove_channels(network, {"a/affine": [1, 4]})
    assert reconstruct(network, made, {"a/affine": [1, 4]}, {"x": SAMPLES}) == ["b/affine"]
    found, given = fitted(h, expected)
    # Weights are held back a little, each by a thousandth of what it reads.
    np.testing.assert_allclose(made.parameters["b/affine/W"].d, found[:-1], atol=0.02)
    np.testing.assert_allclose(made.parameters["b/affine/b"].d, found[-1], atol=0.02)
    least = np.square(given - expected).mean()
    assert np.square(computed(made) - expected).mean() <= 1.001 * least


def test_a_channel_that_others_tell_is_made_up_for():
    network = affine_layers(lambda x: PF.affine(PF.affine(x, 4, name="a"), 3, name="b"))
    weight = network.parameters["a/affine/W"]
    values = np.array(weight.d)
    values[:, 2] = 2 * values[:, 0] - values[:, 3]
    weight.d = values
    expected = computed(network)
    made = remove_channels(network, {"a/affine": [2]})
    before = np.abs(computed(made) - expected).max()
    reconstruct(network, made, {"a/affine": [2]}, {"x": SAMPLES})
    assert np.abs(computed(made) - expected).max() < 0.02 * before


def maps(x):
    h = F.relu(PF.convolution(x, 6, (3, 3), pad=(1, 1), name="a"))
    h = PF.convolution(h, 4, (3, 3), stride=(2, 2), with_bias=False, name="b")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, eps=0.0, name="n"))
    return PF.affine(h, 3, name="fc")


IMAGES = RNG.randn(60, 2, 7, 7).astype(np.float32)


def test_a_layer_without_bias_shifts_the_mean_of_the_normalization_behind_it():
    network = affine_layers(maps, IMAGES)
    expected = computed(network, samples=IMAGES)
    mean = np.array(network.parameters["n/bn/mean"].d)
    made = remove_channels(network, {"a/conv": [0]})
    off = np.square(computed(made, samples=IMAGES) - expected).mean()
    layers = reconstruct(network, made, {"a/conv": [0]}, {"x": IMAGES})
    assert layers == ["b/conv", "fc/affine"]
    assert np.abs(made.parameters["n/bn/mean"].d - mean).max() > 0.1
    assert np.square(computed(made, samples=IMAGES) - expected).mean() < 0.1 * off


def test_channels_of_groups_and_depthwise_layers_are_refitted_each_by_its_own():
    def build(x):
        h = F.relu(PF.convolution(x, 4, (1, 1), name="a"))
        h = F.relu(PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name="d"))
        return PF.convolution(h, 2, (1, 1), name="p")

    network = affine_layers(build, IMAGES)
    expected = computed(network, samples=IMAGES)
    made = remove_channels(network, {"a/conv": [1]})
    off = np.square(computed(made, samples=IMAGES) - expected).mean()
    layers = reconstruct(network, made, {"a/conv": [1]}, {"x": IMAGES})
    assert layers == ["d/depthwise_conv", "p/conv"]
    assert np.square(computed(made, samples=IMAGES) - expected).mean() < 0.9 * off


def test_a_layer_before_an_addition_makes_up_for_what_is_added():
    def build(x):
        stem = PF.affine(F.relu(PF.affine(x, 4, name="a")), 3, name="b")
        return PF.affine(F.relu(PF.affine(stem, 8, name="c")), 3, name="d") + stem

    network = affine_layers(build)
    expected = computed(network)
    made = remove_channels(network, {"a/affine": [0, 1]})
    reconstruct(network, made, {"a/affine": [0, 1]}, {"x": SAMPLES})
    weights = {path: np.array(v.d, np.float64) for path, v in made.parameters.items()}

    def layer(name, x):
        return x @ weights[f"{name}/affine/W"] + weights[f"{name}/affine/b"]

    stem = layer("b", np.maximum(layer("a", SAMPLES), 0))
    _, given = fitted(np.maximum(layer("c", stem), 0), expected - stem)
    least = np.square(given + stem - expected).mean()
    assert np.square(computed(made) - expected).mean() <= 1.01 * least


def test_layers_before_the_channels_keep_their_values():
    network = affine_layers(maps, IMAGES)
    first = np.array(network.parameters["a/conv/W"].d)
    made = remove_channels(network, {"a/conv": [2]})
    reconstruct(network, made, {"a/conv": [2]}, {"x": IMAGES})
    np.testing.assert_array_equal(made.parameters["a/conv/W"].d, np.delete(first, 2, axis=0))


@pytest.mark.parametrize("kind", ["quantized", "shared", "shared bias"])
def test_weights_that_are_not_the_layers_own_stay(kind):
    def build(x):
        h = F.relu(PF.affine(x, 6, name="a"))
        weight = nn.parameter.get_parameter_or_create("W", (6, 3), need_grad=True)
        bias = nn.parameter.get_parameter_or_create("b", (3,), need_grad=True)
        if kind == "quantized":
            return F.affine(h, Uniform(bits=4)(weight), bias)
        y = F.affine(h, weight, bias)
        if kind == "shared":
            return y + F.affine(F.tanh(h), weight)
        return y + F.affine(x, nn.parameter.get_parameter_or_create("V", (5, 3)), bias)

    network = affine_layers(build)
    if kind == "quantized":
        computed(network)
    made = remove_channels(network, {"a/affine": [0]})
    before = np.array(made.parameters["W"].d)
    assert reconstruct(network, made, {"a/affine": [0]}, {"x": SAMPLES}) == []
    np.testing.assert_array_equal(made.parameters["W"].d, before)


@examples(8, derandomize=True)
@given(recipes())
def test_random_networks_without_channels_that_give_nothing_stay_as_they_are(recipe):
    steps, _, seed = recipe
    nn.clear_parameters()
    rng = np.random.RandomState(seed)
    x = nn.Variable((40, 4, 6, 6))
    h = build((steps, False, seed), F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first")))
    h = F.relu(PF.convolution(F.relu(h), 5, (1, 1), name="second"))
    network = Network({"x": x}, {"y": PF.affine(h, 3, name="third")})
    randomize_statistics(seed)
    remove = some_of_all(network, rng, 0.4)
    put_to_zero(network, remove)
    samples = rng.randn(*x.shape).astype(np.float32)
    expected = computed(network, samples=samples)
    made = remove_channels(network, remove)
    reconstruct(network, made, remove, {"x": samples})
    found = computed(made, samples=samples)
    assert np.abs(found - expected).max() <= 1e-3 * max(np.abs(expected).max(), 1e-3)


def test_samples_of_another_shape_are_refused():
    network = affine_layers(two)
    made = remove_channels(network, {"a/affine": [0]})
    with pytest.raises(DataError, match="samples of x are 3, the network takes 5"):
        reconstruct(network, made, {"a/affine": [0]}, {"x": np.zeros((4, 3), np.float32)})


class Data:
    """Evidence of a test."""

    seed = 0
    untrained = False

    def samples(self, most):
        return {"x": SAMPLES[:most]}

    def examples(self, most):
        return None

    def tell(self, line):
        pass


def test_it_is_an_option_of_prune_channels_whose_values_are_parameters():
    plain, refitting = PruneChannels(filters=0.4), PruneChannels(filters=0.4, reconstruct=400)
    assert refitting.sets_values and not plain.sets_values
    assert refitting.rehearsed.reconstruct == 0 and "reconstruct" in refitting.need_of_data()
    network = affine_layers(two)
    expected = computed(network)
    state = network.copy()
    made, decided = refitting.apply(network, Data())
    off = np.square(computed(made) - expected).mean()
    with state.within():
        other, the_same = plain.apply(state, Data())
        assert the_same == decided
        assert off < 0.9 * np.square(computed(other) - expected).mean()


def test_without_data_it_is_refused_and_nothing_changes():
    network = affine_layers(two)
    before = computed(network)
    with pytest.raises(DataError, match="reconstruct refits layers on samples, and there are no"):
        PruneChannels(filters=0.4, reconstruct=10).apply(network)
    np.testing.assert_array_equal(computed(network), before)
    assert network.parameters["a/affine/W"].shape == (5, 6)
