# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest
from nnabla.function import PythonFunction

from nnabla_compress.analysis.couplings import couplings
from nnabla_compress.data.digits import digits
from nnabla_compress.errors import DataError
from nnabla_compress.graph.clone import register_python_function
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import CHIP
from nnabla_compress.importances.chip import Moments, class_moments
from nnabla_compress.importances.evidence import Examples
from nnabla_compress.importances.maps import Map, maps
from nnabla_compress.models.lenet import lenet
from tests.importances.small import Given, alone


def planted(rng, noise=0.0):
    """Six channels, of which class 0 is what channel 0 says less channel 3, class 1 channel 4."""
    nn.clear_parameters()
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 6, w_init=np.eye(6), with_bias=False, name="a"))
    read = noise * rng.randn(6, 2)
    read[:, 0] += [2, 0, 0, -1.5, 0, 0]
    read[:, 1] += [0, 0, 0, 0, 1, 0]
    y = PF.affine(h, 2, w_init=read, with_bias=False, name="b")
    return Network({"x": x}, {"y": y}), Map(h, 1, alone(6)), rng.rand(20, 6) + 0.5


def found_weights(network, place, x, seed=0, penalty=0.1):
    classes = np.arange(len(x)) % 2
    samples = {"x": x.astype(np.float32)}
    moments = class_moments(network, [place], samples, classes, 40, seed)
    return np.array([moments[label].weights(penalty) for label in (0, 1)])


def test_planted_channels_are_found_and_no_others(rng):
    found = found_weights(*planted(rng))
    assert (found != 0).tolist() == [
        [True, False, False, True, False, False],
        [False] * 4 + [True, False],
    ]
    np.testing.assert_allclose(found[0, [0, 3]], [2, -1.5], atol=0.4)


def test_planted_channels_are_found_where_others_say_a_thirtieth(rng):
    found = found_weights(*planted(rng, noise=0.03)) != 0
    assert found[0].tolist() == [True, False, False, True, False, False]
    assert found[1].tolist() == [False, False, False, False, True, False]


def test_with_the_largest_penalty_nothing_is_left(rng):
    assert not found_weights(*planted(rng), penalty=1.0).any()


def test_the_same_seed_gives_the_same_weights(rng):
    made = planted(rng, noise=0.2)
    first, again, other = (found_weights(*made, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_moments_are_those_of_a_weighted_regression_with_an_intercept_a_sample(rng):
    moments = Moments.none(3)
    rows, wanted = [], []
    for offset in (5.0, -2.0):
        z, h = rng.rand(9, 3), rng.rand(9)
        g = z @ np.array([1.0, -2.0, 0.5]) + offset
        moments.add(z, g, h)
        rows.append(z)
        wanted.append(g)
    # The offsets of the samples go into their intercepts.
    np.testing.assert_allclose(np.linalg.solve(moments.gram, moments.cross), [1, -2, 0.5])


class Endless(PythonFunction):
    """The identity, which no gradient passes."""

    name = "Endless"

    def min_outputs(self):
        return 1

    def setup_impl(self, inputs, outputs):
        outputs[0].reset_shape(inputs[0].shape, True)

    def grad_depends_output_data(self, i, o):
        return False

    def grad_depends_input_data(self, i, j):
        return False

    def forward_impl(self, inputs, outputs):
        outputs[0].data.copy_from(inputs[0].data)

    def backward_impl(self, inputs, outputs, propagate_down, accum):
        raise AssertionError("a gradient was asked for")


def test_no_gradient_is_asked_for(rng):
    register_python_function("Endless", lambda args, inputs: Endless()(*inputs))
    network, place, x = planted(rng)
    expected = found_weights(network, place, x)
    behind = Network(network.inputs, {"y": Endless()(network.output)})
    assert (found_weights(behind, place, x) == expected).all()


def test_only_samples_of_a_class_tell_of_it(rng):
    network, place, x = planted(rng)
    found = class_moments(network, [place], {"x": np.float32(x)}, np.zeros(20, int), 3, 0)
    assert set(found) == {0}
    assert 20 < found[0].weight < 80  # all gates open count 1 each, the others less


@pytest.mark.parametrize(
    "targets, message", [([[0.5]] * 4, "explains classes"), ([[0], [1], [2], [7]], "explains")]
)
def test_targets_that_are_no_classes_are_refused(rng, targets, message):
    network, _, x = planted(rng)
    evidence = Given(x[:4], targets)
    (group, _) = couplings(network)
    with pytest.raises(DataError, match=message):
        CHIP().scores(network, [group], evidence)


class Trained:
    """A LeNet on handwritten digits, and its samples."""

    def __init__(self):
        nn.clear_parameters()
        data = digits()
        train, test = data.split("train"), data.split("test")
        nn.random.prng = rng = np.random.RandomState(0)
        x, t = nn.Variable((64, *train.x.shape[1:])), nn.Variable((64, 1))
        loss = F.mean(F.softmax_cross_entropy(lenet(x, 10, maps=12), t))
        solver = S.Adam(3e-3)
        solver.set_parameters(nn.get_parameters())
        for _ in range(250):
            rows = rng.randint(0, len(train), 64)
            x.d, t.d = train.x[rows], train.y[rows].reshape(-1, 1)
            loss.forward()
            solver.zero_grad()
            loss.backward()
            solver.update()
        self.test_x, self.test_y = np.float32(test.x), test.y
        self.x, self.y = np.float32(train.x[:300]), train.y[:300].reshape(-1, 1)
        x = nn.Variable((1, *train.x.shape[1:]))
        self.network = Network({"x": x}, {"y": lenet(x, 10, maps=12, test=True)})
        self.seed = 0

    def examples(self, most):
        losses = F.softmax_cross_entropy
        return Examples({"x": self.x[:most]}, self.y[:most], losses)

    def accuracies(self):
        """Share of right answers of each class."""
        on = self.network.on({"x": nn.Variable.from_numpy_array(self.test_x)})
        on.output.forward()
        right = on.output.d.argmax(axis=1) == self.test_y
        return np.array([right[self.test_y == label].mean() for label in range(10)])


@pytest.mark.long
def test_without_the_channels_of_a_class_that_class_is_lost_more_than_others():
    made = Trained()
    before = made.accuracies()
    assert before.mean() > 0.93
    group = next(g for g in couplings(made.network) if g.name == "fc3/affine")
    (places,) = maps(made.network, [group], False).values()
    moments = class_moments(made.network, places, {"x": made.x}, made.y[:, 0], 40, 0)
    weight = nn.get_parameters()["fc4/affine/W"]
    whole = weight.d.copy()
    own, others = [], []
    for label in range(10):
        speaking = np.argsort(-moments[label].weights())[: group.size // 10]
        weight.d = whole
        weight.d[speaking] = 0
        lost = before - made.accuracies()
        own.append(lost[label])
        others.append(np.delete(lost, label).mean())
    weight.d = whole
    # 80 points of the class and 9 of the others; without channels drawn at random 8 and 5.
    assert np.mean(own) > 4 * np.mean(others) > 0


def test_scores_of_a_network_are_of_its_groups(rng):
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(0)
    x = nn.Variable((1, 1, 8, 8))
    network = Network({"x": x}, {"y": lenet(x, 3, maps=4, hidden=6, test=True)})
    evidence = Given(rng.rand(12, 1, 8, 8), np.arange(12) % 3)
    groups = [group for group in couplings(network) if group.kept is None]
    found = CHIP(samples=12, perturbations=8).scores(network, groups, evidence)
    assert {name: len(of) for name, of in found.items()} == {g.name: g.size for g in groups}
    most = CHIP(samples=12, perturbations=8, over="max").scores(network, groups, evidence)
    assert all((most[name] >= found[name]).all() for name in found)
