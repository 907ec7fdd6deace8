# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.training import Distillation, Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import AttentionTransfer, Hints, MapPair
from nnabla_compress.training.terms.hints import HintsOptions, at_each_position, hint_loss
from tests.training.test_trainer import two_blobs


def net(hidden, name):
    def build(x, test):
        with nn.parameter_scope(name):
            return PF.affine(F.relu(PF.affine(x, hidden, name="h")), 2, name="y")

    return build


student, teacher = net(4, "s"), net(6, "t")
HIDDEN = MapPair(student="s/h/affine/relu", teacher="t/h/affine/relu")
ANSWER = MapPair(student="s/y/affine", teacher="t/y/affine")


def trainer(folder, terms, epochs=30):
    nn.clear_parameters()
    set_seed(5)
    teacher(nn.Variable((1, 4)), True)
    settings = TrainingSettings(
        epochs=epochs, batch_size=8, learning_rate=0.05, checkpoint_interval=4, schedule="constant"
    )
    return Trainer(student, two_blobs(), settings, folder, Preprocessing(), seed=5, terms=terms())


def test_the_loss_is_half_the_mean_squared_difference():
    s = nn.Variable.from_numpy_array(np.array([[1.0, 2.0], [0.0, -1.0]], np.float32))
    t = nn.Variable.from_numpy_array(np.array([[2.0, 2.0], [0.0, 2.0]], np.float32))
    loss = hint_loss(s, t)
    loss.forward()
    assert float(loss.d) == pytest.approx((1 + 9) / 4 / 2)


@pytest.mark.parametrize("positions", [(), (5,), (3, 2)])
def test_a_regressor_is_a_linear_function_of_the_channels_at_each_position(rng, positions):
    x, w, b = rng.randn(2, 3, *positions), rng.randn(4, 3, 1), rng.randn(4)
    y = at_each_position(*(nn.Variable.from_numpy_array(a.astype(np.float32)) for a in (x, w, b)))
    y.forward()
    expected = np.einsum("oi,bi...->bo...", w[:, :, 0], x)
    expected += b.reshape(1, 4, *(1 for _ in positions))
    np.testing.assert_allclose(y.d, expected, rtol=1e-4, atol=1e-5)


def test_maps_come_nearer_and_the_regressor_is_gone_with_the_training(tmp_path):
    made = trainer(tmp_path, lambda: [Hints(teacher, [HIDDEN])])
    made.feed.put(made.batches.batch(0))
    made.objective.forward()
    before = made.terms[1]._loss.d.copy()
    (path, other) = made.terms[1].parameters()
    assert (path, other) == ("hints/W", "hints/b")
    start = made.terms[1].parameters()[path].d.copy()
    made.run()
    assert made.terms[1].monitors()["Hints"] < 0.3 * before
    assert not np.array_equal(made.terms[1].parameters()[path].d, start)
    assert not any("hints" in name for name in nn.get_parameters(grad_only=False))
    assert made.load_best()
    assert not any("hints" in name for name in nn.get_parameters(grad_only=False))


def test_maps_of_as_many_channels_take_no_regressor(tmp_path):
    made = trainer(tmp_path, lambda: [Hints(teacher, [ANSWER])])
    assert not made.terms[1].parameters()


def test_a_regressor_takes_no_name_that_the_network_has(tmp_path):
    nn.clear_parameters()

    def own(x, test):
        return PF.affine(PF.affine(x, 4, name="h"), 2, name="y")

    with nn.parameter_scope("hints"):
        nn.parameter.get_parameter_or_create("W", (1,))
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=0.1)
    term = Hints(teacher, [MapPair(student="h/affine", teacher="t/h/affine")])
    Trainer(own, two_blobs(), settings, tmp_path, Preprocessing(), terms=[term])
    assert list(term.parameters()) == ["hints_2/W", "hints_2/b"]


def test_the_teacher_of_several_terms_is_computed_once(tmp_path):
    made = trainer(
        tmp_path,
        lambda: [
            Distillation(teacher, weight=0.5),
            Hints(teacher, [HIDDEN]),
            Hints(teacher, [ANSWER]),
        ],
    )
    shapes = []
    made.objective.visit(lambda f: shapes.append(f.outputs[0].shape))
    # Each network's hidden layer and its ReLU; the loss and the regressor take one more each.
    assert shapes.count((8, 4)) == 2 and shapes.count((8, 6)) == 2 + 2
    assert made.taught_by(teacher) is made.taught_by(teacher)


def test_the_teacher_is_not_trained(tmp_path):
    made = trainer(tmp_path, lambda: [Hints(teacher, [HIDDEN])], epochs=2)
    before = {name: p.d.copy() for name, p in nn.get_parameters().items() if name[0] == "t"}
    made.run()
    for name, values in before.items():
        np.testing.assert_array_equal(nn.get_parameters()[name].d, values)


@pytest.mark.parametrize("kind", [Hints, AttentionTransfer])
def test_a_map_that_is_not_there_is_refused_with_the_nearest_one(tmp_path, kind):
    pair = MapPair(student="s/h/affin/relu", teacher="t/h/affine/relu")
    with pytest.raises(ConfigError, match="the network has no map 's/h/affin/relu'") as refused:
        trainer(tmp_path, lambda: [kind(teacher, [pair])])
    assert "did you mean 's/h/affine/relu'" in refused.value.help
    pair = MapPair(student="s/h/affine/relu", teacher="h/affine/relu")
    with pytest.raises(ConfigError, match="its teacher has no map"):
        trainer(tmp_path, lambda: [kind(teacher, [pair])])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"maps": ["a"], "weight": 0}, "weight is 0"),
        ({"maps": ["a"], "weight": float("nan")}, "weight is nan"),
        ({"maps": []}, "maps is empty"),
        ({}, "maps is missing"),
        ({"maps": [{"student": "a"}]}, "teacher is missing"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        HintsOptions.checked(options)
