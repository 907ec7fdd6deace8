# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.training import Distillation, Trainer, TrainingSettings
from nnabla_compress.training.losses import default_loss
from tests.training.test_trainer import two_blobs


def small_net(x: nn.Variable, test: bool) -> nn.Variable:
    return PF.affine(F.relu(PF.affine(x, 8, name="h")), 2, name="y")


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_the_divergence_times_the_square_of_the_temperature(rng, temperature):
    s, t = (rng.randn(5, 3).astype(np.float32) for _ in range(2))
    student = nn.Variable.from_numpy_array(s).apply(need_grad=True)
    loss = default_loss(s.shape).distillation(student, nn.Variable.from_numpy_array(t), temperature)
    student.grad.zero()
    loss.forward()
    loss.backward()
    p, q = (softmax(logits.astype(np.float64) / temperature) for logits in (t, s))
    expected = temperature**2 * (p * (np.log(p) - np.log(q))).sum(axis=1).mean()
    np.testing.assert_allclose(loss.d, expected, rtol=1e-5)
    np.testing.assert_allclose(student.g, temperature * (q - p) / 5, rtol=1e-4, atol=1e-6)


def test_a_single_logit_stands_for_two_classes(rng):
    s, t = (rng.randn(4, 1).astype(np.float32) for _ in range(2))
    one, two = (
        default_loss(arrays[0].shape).distillation(
            *(nn.Variable.from_numpy_array(a) for a in arrays), 2.0
        )
        for arrays in ((s, t), [np.concatenate([0 * a, a], 1) for a in (s, t)])
    )
    one.forward()
    two.forward()
    np.testing.assert_allclose(one.d, two.d, rtol=1e-6)


def test_the_loss_has_the_worked_numbers():
    s, t = np.array([[1, 2, 0.5]], np.float32), np.array([[2, 3, -1]], np.float32)
    for temperature, expected in ((1, 0.104774), (2, 0.319045), (4, 0.505668)):
        loss = default_loss(s.shape).distillation(
            *(nn.Variable.from_numpy_array(a) for a in (s, t)), temperature
        )
        loss.forward()
        assert float(loss.d) == pytest.approx(expected, abs=2e-6)


def test_a_teacher_of_other_classes_is_refused(tmp_path):
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=0.1)
    term = Distillation(lambda x, test: PF.affine(x, 3, name="t"))
    with pytest.raises(ConfigError, match="the teacher gives outputs of shape"):
        Trainer(small_net, two_blobs(), settings, tmp_path, Preprocessing(), terms=[term])


def train(folder, weight, stop_at=0, resume=False):
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(3)
    small_net(nn.Variable((1, 4)), True)
    distillation = Distillation(small_net, temperature=2.0, weight=weight)
    settings = TrainingSettings(
        epochs=4, batch_size=8, learning_rate=0.1, checkpoint_interval=4, schedule="constant"
    )
    start = {name: np.array(p.d) for name, p in nn.get_parameters().items()}
    trainer = Trainer(
        small_net, two_blobs(), settings, folder, Preprocessing(), terms=[distillation]
    )

    def stop(done, total, values):
        if done == stop_at:
            raise KeyboardInterrupt

    try:
        trainer.run(resume, stop)
    except KeyboardInterrupt:
        pass
    return start, {name: np.array(p.d) for name, p in nn.get_parameters().items()}


def test_with_the_whole_weight_on_itself_as_the_teacher_nothing_moves(tmp_path):
    start, end = train(tmp_path, weight=1.0)
    for name, values in start.items():
        np.testing.assert_allclose(end[name], values, atol=1e-5, err_msg=name)
    start, end = train(tmp_path / "half", weight=0.5)
    assert max(np.abs(end[name] - start[name]).max() for name in start) > 0.01


def test_a_stopped_and_resumed_distillation_ends_with_the_same_bits(tmp_path):
    _, whole = train(tmp_path / "whole", weight=0.5)
    train(tmp_path / "parts", weight=0.5, stop_at=10)
    assert (tmp_path / "parts" / "checkpoints" / "checkpoint_8.json").exists()
    _, resumed = train(tmp_path / "parts", weight=0.5, resume=True)
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"weight": 1.5}, "weight is 1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Distillation(small_net, **options)
