# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Losses against NumPy, what counts as right, and targets that don't fit."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.training.losses import LOSSES, default_loss, make_loss


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_softmax(x, axis=1):
    return (
        x
        - x.max(axis, keepdims=True)
        - np.log(np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True))
    )


def cross_entropy(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def huber(y, t, delta=0.5):
    d = np.abs(y - t)
    return np.where(d < delta, d**2, delta * (2 * d - delta))


def value(variable):
    variable.forward()
    return np.array(variable.d)


def constant(array):
    return nn.Variable.from_numpy_array(np.asarray(array, np.float32))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("SquaredError", lambda y, t: (y - t) ** 2),
        ("AbsoluteError", lambda y, t: np.abs(y - t)),
        ("HuberLoss", huber),
        ("SigmoidCrossEntropy", lambda y, t: cross_entropy(sigmoid(y), t)),
        ("BinaryCrossEntropy", cross_entropy),
    ],
)
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3, 4)])
def test_losses_of_entries_are_means_over_the_sample(rng, name, expected, shape):
    y, t = rng.uniform(0.05, 0.95, (4, *shape)), rng.uniform(0, 1, (4, *shape))
    loss = make_loss(name, y.shape, delta=0.5)
    got = value(loss.samples(constant(y), constant(t)))
    assert got.shape == (4, 1)
    np.testing.assert_allclose(got[:, 0], expected(y, t).reshape(4, -1).mean(1), rtol=2e-5)


@pytest.mark.parametrize("shape, axis", [((4, 3), 1), ((4, 3, 2, 5), 1), ((4, 2, 5, 3), -1)])
def test_class_losses_find_the_classes_on_their_axis(rng, shape, axis):
    y = rng.randn(*shape)
    labels_shape = list(shape)
    labels_shape[axis] = 1
    t = rng.randint(0, 3, labels_shape)
    expected = -np.take_along_axis(log_softmax(y, axis), t, axis).reshape(4, -1).mean(1)
    loss = make_loss("SoftmaxCrossEntropy", shape, axis=axis)
    np.testing.assert_allclose(
        value(loss.samples(constant(y), constant(t)))[:, 0], expected, rtol=2e-5
    )
    probabilities = np.exp(log_softmax(y, axis))
    loss = make_loss("CategoricalCrossEntropy", shape, axis=axis)
    np.testing.assert_allclose(
        value(loss.samples(constant(probabilities), constant(t)))[:, 0], expected, rtol=2e-5
    )
    right = (y.argmax(axis) == np.squeeze(t, axis)).reshape(4, -1).mean(1)
    np.testing.assert_allclose(loss.right(y, t), right)


def test_the_default_is_a_classifiers_loss_and_says_what_else_there_is():
    assert default_loss((2, 1)).name == "SigmoidCrossEntropy"
    assert default_loss((2, 7)).name == "SoftmaxCrossEntropy"
    with pytest.raises(DataError, match="needs one row of logits") as wrong:
        default_loss((2, 3, 8, 8))
    assert "--loss SquaredError" in wrong.value.help


def test_binary_answers_are_right_on_the_same_side_of_a_half():
    target = np.float32([[0, 1, 0.9, 0.2]])
    logits = make_loss("SigmoidCrossEntropy", (1, 4))
    assert logits.right(np.float32([[-1, 1, -1, 1]]), target).tolist() == [0.5]
    probabilities = make_loss("BinaryCrossEntropy", (1, 4))
    assert probabilities.right(np.float32([[0.1, 0.6, 0.7, 0.4]]), target).tolist() == [1.0]
    assert (logits.accuracy, make_loss("BinaryCrossEntropy", (1, 1)).accuracy) == (
        "binary accuracy",
        "accuracy",
    )


def test_numbers_are_measured_by_their_squared_and_absolute_errors():
    loss = make_loss("HuberLoss", (2, 2), delta=0.1)
    metrics = loss.metrics(np.float32([[1, 2], [0, 0]]), np.float32([[1, 4], [0, 1]]))
    assert metrics["mean squared error"].tolist() == [2, 0.5]
    assert metrics["mean absolute error"].tolist() == [1, 0.5]
    assert loss.right(np.zeros((2, 2)), np.zeros((2, 2))) is None


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_network_is_at_no_distance_from_itself(rng, name):
    y = constant(rng.uniform(0.1, 0.9, (4, 3)))
    loss = make_loss(name, y.shape)
    assert abs(float(value(loss.distillation(y, y, 2.0)))) < 1e-6
    assert float(value(loss.distillation(y, constant(rng.uniform(0, 1, (4, 3))), 2.0))) > 1e-4


def test_each_of_several_logits_stands_for_two_classes(rng):
    s, t, temperature = rng.randn(4, 3), rng.randn(4, 3), 2.0
    p, q = sigmoid(t / temperature), sigmoid(s / temperature)
    expected = temperature**2 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean()
    loss = make_loss("SigmoidCrossEntropy", (4, 3))
    got = float(value(loss.distillation(constant(s), constant(t), temperature)))
    assert got == pytest.approx(expected, rel=1e-4)


def test_distillation_of_numbers_is_the_squared_difference(rng):
    s, t = rng.randn(2, 4, 3)
    loss = make_loss("AbsoluteError", (4, 3))
    got = float(value(loss.distillation(constant(s), constant(t), 7.0)))
    assert got == pytest.approx(((s - t) ** 2).mean(), rel=1e-5)


def test_the_answers_of_a_network_are_targets_that_it_meets(rng):
    for name, shape in [
        ("SoftmaxCrossEntropy", (4, 3)),
        ("SoftmaxCrossEntropy", (4, 3, 2, 2)),
        ("SigmoidCrossEntropy", (4, 1)),
        ("SigmoidCrossEntropy", (4, 3)),
        ("SquaredError", (4, 3, 2, 2)),
    ]:
        loss, y = make_loss(name, shape), rng.randn(*shape).astype(np.float32)
        split = Split(np.zeros((4, 1), np.float32), loss.answers(y))
        loss.check(shape, split)
        target = split.y[:, np.newaxis] if split.y.ndim == 1 else split.y
        right = loss.right(y, target)
        if right is None:
            assert not loss.metrics(y, target)["mean squared error"].any()
        else:
            assert np.all(right == 1)


@pytest.mark.parametrize(
    "name, shape, y, words",
    [
        ("SoftmaxCrossEntropy", (2, 3), [0, 3], "label 3, the network gives 3 values"),
        ("SoftmaxCrossEntropy", (2, 3), np.ones((2, 3, 1, 1)) / 3, "targets are numbers"),
        ("SoftmaxCrossEntropy", (2, 3, 4, 4), [0, 1], r"wants labels of shape \(1, 4, 4\)"),
        ("SigmoidCrossEntropy", (2, 3), [0, 1], r"\(1,\) a sample, the network gives \(3,\)"),
        ("SigmoidCrossEntropy", (2, 1), [0, 2], r"lie in 0\.\.2, SigmoidCrossEntropy wants 0\.\.1"),
        ("SquaredError", (2, 1), [0, 2], "targets are class indices"),
        ("SquaredError", (2, 3), np.zeros((2, 4)), r"\(4,\) a sample, the network gives \(3,\)"),
        ("SquaredError", (2, 3), None, "needs targets, the data has none"),
    ],
)
def test_targets_that_do_not_fit_the_output_are_refused(name, shape, y, words):
    kind = "numbers" if isinstance(y, np.ndarray) else "classes"
    split = Split.checked(np.zeros((2, 1)), y, "set", targets=kind)
    with pytest.raises(DataError, match=words) as wrong:
        make_loss(name, shape).check(shape, split)
    assert wrong.value.help


def test_a_delta_without_meaning_is_refused():
    for delta in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="delta is"):
            make_loss("HuberLoss", (1, 1), delta)
