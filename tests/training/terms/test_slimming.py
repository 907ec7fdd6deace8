# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import Slimming, term_of
from tests.training.test_trainer import two_blobs


def network(x, test):
    h = PF.batch_normalization(PF.affine(x, 16, name="a"), batch_stat=not test, name="a")
    h = PF.batch_normalization(PF.affine(F.relu(h), 8, name="b"), batch_stat=not test, name="b")
    return PF.affine(F.relu(h), 2, name="c")


def trained(folder, *terms, build=network, epochs=6):
    nn.clear_parameters()
    set_seed(3)
    settings = TrainingSettings(epochs=epochs, batch_size=8, learning_rate=0.05)
    trainer = Trainer(build, two_blobs(), settings, folder, Preprocessing(), seed=3, terms=terms)
    return trainer, trainer.run()


def test_the_gradient_of_a_scale_has_the_strength_and_its_sign(tmp_path):
    trainer, _ = trained(tmp_path, Slimming(0.25), epochs=0)
    gamma = nn.get_parameters()["a/bn/gamma"]
    gamma.d = np.where(np.arange(16) % 2, 2.0, -2.0).reshape(gamma.shape)
    found = []
    for target in (trainer.loss, trainer.objective):
        gamma.grad.zero()
        target.forward()
        target.backward()
        found.append(np.array(gamma.g))
    np.testing.assert_allclose(found[1] - found[0], 0.25 * np.sign(gamma.d), atol=1e-6)


def test_more_scales_become_small_than_without(tmp_path):
    _, outcome = trained(tmp_path / "with", Slimming(0.05))
    _, plain = trained(tmp_path / "without", Slimming(1e-12))
    means = [each.noticed["slimming"]["mean_scale"] for each in (outcome, plain)]
    assert means[0] < 0.7 * means[1]


def test_only_scales_that_were_chosen_are_pulled(tmp_path):
    trained(tmp_path, Slimming(0.05, layers=["b/*"]))
    of = {name: np.abs(nn.get_parameters()[f"{name}/bn/gamma"].d).mean() for name in "ab"}
    assert of["b"] < 0.7 < of["a"]


def test_a_recipe_asks_for_it_by_name_or_by_its_strength():
    assert term_of({"slimming": 1e-5}).make(lambda x, test: x) == Slimming(1e-5)
    with pytest.raises(ConfigError, match="strength is 0.0: it must be positive"):
        term_of({"slimming": 0})


def test_a_network_without_scales_is_refused(tmp_path):
    def plain(x, test):
        return PF.affine(x, 2, name="a")

    with pytest.raises(ConfigError, match="no scale of a batch normalization") as error:
        trained(tmp_path, Slimming(), build=plain)
    assert "group_lasso" in error.value.help
    with pytest.raises(ConfigError, match="no scale"):
        term_of("slimming").foresee([plain(nn.Variable((1, 4)), False)])
