# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import SinReQ, term_of
from tests.training.test_trainer import two_blobs


def network(x, test):
    h = F.relu(PF.affine(x, 8, apply_w=Q.Uniform(3, learn=None), name="a"))
    return PF.affine(h, 2, apply_w=Q.Uniform(3, learn=None), name="b")


def trained(folder, *terms, epochs=20):
    nn.clear_parameters()
    set_seed(3)
    settings = TrainingSettings(
        epochs=epochs, batch_size=8, learning_rate=0.05, solver_options={"momentum": 0.9}
    )
    trainer = Trainer(network, two_blobs(), settings, folder, Preprocessing(), seed=3, terms=terms)
    outcome = trainer.run()
    return trainer, outcome


def distances(outcome):
    return outcome.noticed["sinreq"]


def test_weights_come_at_least_5_times_as_near_to_their_levels_as_without(tmp_path):
    _, plain = trained(tmp_path / "plain", SinReQ(strength=1e-12))
    _, pulled = trained(tmp_path / "pulled", SinReQ(strength=1.0))
    for layer in ("a/affine", "b/affine"):
        assert distances(pulled)[layer] < distances(plain)[layer] / 5
    assert pulled.last.accuracy >= plain.last.accuracy - 0.003


def test_only_epochs_whose_weights_have_come_to_their_levels_can_be_the_best(tmp_path):
    term = SinReQ(strength=1.0)
    trainer, outcome = trained(tmp_path / "pulled", term)
    assert term.fits() and outcome.best is not None
    for weight in trainer.solver.get_parameters().values():
        weight.d = weight.d + 0.02
    assert not term.fits()
    _, never = trained(tmp_path / "never", SinReQ(strength=1e-9))
    assert never.best is None and not (tmp_path / "never" / "best.h5").exists()
    _, any_may = trained(tmp_path / "any", SinReQ(strength=1e-9, within=0.5))
    assert any_may.best is not None


def test_only_layers_that_were_chosen_are_pulled(tmp_path):
    _, outcome = trained(tmp_path, SinReQ(strength=1.0, layers=["a*"]))
    assert list(distances(outcome)) == ["a/affine"]


def test_the_strength_follows_its_schedule_and_is_monitored(tmp_path):
    trainer, _ = trained(tmp_path, SinReQ(strength=2.0, schedule="linear"), epochs=4)
    strengths = (tmp_path / "Sine-strength.series.txt").read_text().split()[1::2]
    total = trainer.total
    expected = [2 * (round(total * e / 4) - 1) / total for e in (1, 2, 3, 4)]
    assert [float(value) for value in strengths] == pytest.approx(expected, rel=1e-4)
    penalties = (tmp_path / "Sine-penalty.series.txt").read_text().split()[1::2]
    assert len(penalties) == 4 and float(penalties[-1]) < float(penalties[0])


def test_a_recipe_asks_for_it_by_name_or_by_its_strength():
    assert term_of("sinreq").make(lambda x, test: x) == SinReQ()
    assert term_of({"sinreq": 0.5}).strength == 0.5
    part = CompressionPart.checked(
        {"weights": "uniform:bits=3", "sinreq": {"strength": 2}, "training": {"epochs": 1}}
    )
    assert [term.name for term in part.terms] == ["sinreq"]
    with pytest.raises(ConfigError, match="compression: sinreq is for a training"):
        CompressionPart.checked({"weights": "uniform:bits=3", "sinreq": {}})


@pytest.mark.parametrize(
    "options, message",
    [
        ({"strength": 0}, "strength is 0.0: it must be positive"),
        ({"strength": -1}, "strength is -1.0"),
        ({"schedule": "cosine"}, "schedule is 'cosine'"),
        ({"rise_at": 1}, "rise_at is 1.0"),
        ({"width": 0}, "width is 0.0"),
        ({"within": 0}, "within is 0, it is a distance from levels in steps"),
        ({"within": 0.6}, "within is 0.6"),
        ({"lambda": 1}, "unknown key 'lambda'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        term_of({"sinreq": options})


def test_a_layer_without_a_grid_is_refused_before_anything_is_trained():
    x = nn.Variable((2, 4))
    y = PF.affine(x, 2, apply_w=Q.LUT(bits=2), name="a")
    with pytest.raises(ConfigError, match="sinreq: LUT.* of a/affine has no levels"):
        term_of("sinreq").foresee([y])
