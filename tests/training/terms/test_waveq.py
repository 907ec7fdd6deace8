# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.recipes.step import step_of
from nnabla_compress.report.learned import learned_rows
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import WaveQ, term_of
from tests.training.test_trainer import two_blobs

QUANTIZER = Q.Uniform(8)


def network(x, test, quantizer=QUANTIZER):
    h = F.relu(PF.affine(x, 8, apply_w=quantizer, name="a"))
    return PF.affine(h, 2, apply_w=quantizer, name="b")


def trainer(folder, term, epochs=20, build=network):
    nn.clear_parameters()
    set_seed(3)
    settings = TrainingSettings(epochs=epochs, batch_size=8, learning_rate=0.05, solver="Sgd")
    return Trainer(build, two_blobs(), settings, folder, Preprocessing(), seed=3, terms=[term])


def series(folder, name):
    return np.array((folder / f"{name}.series.txt").read_text().split()[1::2], float)


def test_three_phases_explore_learn_bits_and_settle(tmp_path):
    term = WaveQ(lambda_w=0.5, start=6.5)
    made = trainer(tmp_path, term)
    outcome = made.run()
    for layer in ("a", "b"):
        beta = series(tmp_path, f"Beta-{layer}.affine")
        np.testing.assert_allclose(beta[:3], 6.5, atol=0.01)  # 3 of 20 epochs: both strengths 0
        assert beta[11] < 6  # lambda_beta has pulled
        assert len(set(beta[12:])) == 1 and beta[12] == int(beta[12])  # frozen
        bits = series(tmp_path, f"Bits-{layer}.affine")
        assert bits[0] == 8 and bits[-1] == beta[-1] + 1
        assert outcome.noticed["waveq"]["layers"][f"{layer}/affine"]["bits"] == bits[-1]
    assert series(tmp_path, "Lambda-w")[[0, -1]] == pytest.approx([0, 0.5], abs=1e-6)
    strength = series(tmp_path, "Lambda-beta")
    assert strength[[0, 7, -1]] == pytest.approx([0, 0.02, 0], abs=1e-6)
    assert outcome.noticed["bits_moved"] and outcome.best_epoch > 12


def test_bits_are_written_where_those_of_dq_stand(tmp_path):
    made = trainer(tmp_path, WaveQ())
    outcome = made.run()
    rows = {row["name"]: row["bits"] for row in learned_rows([network(nn.Variable((1, 4)), True)])}
    layers = outcome.noticed["waveq"]["layers"]
    assert rows == {name: layer["bits"] for name, layer in layers.items()}


def test_the_forward_pass_is_float_until_bits_settle_and_scores_are_quantized(tmp_path):
    seen = []

    class Watched(WaveQ):
        def before_update(self, iteration):
            # What the first layer multiplies with, and its float weight.
            layer = next(f for f in functions([made.output]) if f.info.type_name == "Affine")
            taken, weight = layer.inputs[1], nn.get_parameters()["a/affine/W"]
            taken.parent.forward(taken.parent.inputs, [taken])
            seen.append(bool((taken.d == weight.d).all()))

    made = trainer(tmp_path, Watched())
    made.run()
    settle = int(0.6 * made.total)
    assert all(seen[:settle]) and not any(seen[settle + 1 :])
    kinds = [f.info.type_name for f in functions([made.evaluator.output])]
    assert "nnabla_compress.QuantizedWhen" not in kinds


def test_without_a_sine_beta_falls_by_the_learning_rate_times_lambda_beta(tmp_path):
    term = WaveQ(lambda_w=1e-12, lambda_beta=0.04, beta_learning_rate=1.0, start=7.0)
    made = trainer(tmp_path, term)
    made.run()
    beta = series(tmp_path, "Beta-a.affine")
    each = made.total // 20
    np.testing.assert_allclose(np.diff(beta[5:11]), -0.04 * each, rtol=1e-3)


def test_beta_stays_in_its_bounds_however_strong_its_penalty_is(tmp_path):
    term = WaveQ(lambda_beta=50.0, beta_learning_rate=1.0, least=2.0)
    trainer(tmp_path, term).run()
    assert series(tmp_path, "Beta-a.affine").min() == 2
    assert {wave.bits for wave in term._waves} == {3}


def test_a_budget_drives_lambda_beta_and_is_kept(tmp_path):
    term = WaveQ(weights="64 B")
    made = trainer(tmp_path, term)
    outcome = made.run()
    assert term.budget.fits and term.budget.sizes()["weights"] <= 64
    assert outcome.best is not None
    assert len(set(series(tmp_path, "Lambda-beta")[5:11])) > 1


@pytest.mark.parametrize("quantizer", [Q.DoReFa(8, learn="b"), Q.WRPN(8, learn="b")])
def test_it_learns_the_bits_of_dorefa_and_wrpn_and_brings_weights_to_their_levels(
    tmp_path, quantizer
):
    def build(x, test):
        return network(x, test, quantizer)

    term = WaveQ(lambda_w=3.0, weights="64 B")
    outcome = trainer(tmp_path, term, build=build).run()
    layers = outcome.noticed["waveq"]["layers"]
    rows = {row["name"]: row["bits"] for row in learned_rows([build(nn.Variable((1, 4)), True)])}
    assert rows == {name: layer["bits"] for name, layer in layers.items()}
    assert max(rows.values()) < 8 and term.budget.fits
    assert max(layer["distance"] for layer in layers.values()) < 0.15  # a quarter without a sine


def test_what_a_budget_misses_in_the_end_it_takes(tmp_path):
    # 48 weights at 4 bits and 10 biases as floats take 64 bytes: no bit is left over.
    term = WaveQ(weights="64 B", least=3.0, width=0.3)
    outcome = trainer(tmp_path, term).run()
    assert term.budget.fits
    taken = outcome.noticed["waveq"]["taken_for_budget"]
    assert taken and set(taken) <= {"a/affine", "b/affine"}
    bits = {wave.name: wave.bits for wave in term._waves}
    assert {wave.name: float(wave.beta.d[0]) + 1 for wave in term._waves} == bits
    assert bits == {"a/affine": 4, "b/affine": 4}


def test_rounding_to_the_nearest_takes_half_upwards(tmp_path):
    bits = {}
    for rounding in ("up", "nearest"):
        term = WaveQ(rounding=rounding, start=4.5, weights=None)
        trainer(tmp_path / rounding, term, epochs=0)
        found = []
        for beta in (4.0, 4.2, 4.5, 4.7, 7.0, 1.0):
            term._waves[0].beta.d = beta
            found.append(term._waves[0].bits_of_beta(rounding))
        bits[rounding] = found
    assert bits == {"up": [5, 6, 6, 6, 8, 2], "nearest": [5, 5, 6, 6, 8, 2]}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lambda_w": 0}, "lambda_w is 0.0: it must be positive"),
        ({"lambda_beta": -0.1}, "lambda_beta is -0.1: it must be positive"),
        ({"beta_learning_rate": 0}, "beta_learning_rate is 0.0"),
        ({"least": 0.5}, "least is 0.5, a beta goes from 1 to 15"),
        ({"least": 6, "most": 5}, "least=6 is above most=5"),
        ({"start": 9}, "beta starts at 9, outside least=1 to most=8"),
        ({"learn_from": 0.7}, "learn_from=0.7 to settle_from=0.6"),
        ({"settle_from": 1}, "settle_from is 1.0"),
        ({"width": 0}, "width is 0"),
        ({"form": 3}, "form is 3"),
        ({"rounding": "down"}, "rounding is 'down'"),
        ({"weights": "much"}, "waveq: weights"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        term_of({"waveq": options})


@pytest.mark.parametrize(
    "quantizer, options, message",
    [
        (Q.Uniform(4, learn="qmax"), {}, "bits of Uniform.* of a/affine are fixed"),
        (Q.Affine(bits=4), {}, "bits of Affine.* of a/affine are fixed"),
        (Q.Pow2(bits=4), {}, "Pow2.* of a/affine has no levels at equal distances"),
        (Q.Uniform(4, max_bits=4), {"start": 5.0}, "starts at 5, outside 1 to 3"),
        (
            Q.Uniform(3, max_bits=3),
            {"least": 5.0},
            "shall be from 5 to 8, its quantizer has 2 to 3",
        ),
    ],
)
def test_quantizers_that_it_is_not_for_are_refused_before_training(quantizer, options, message):
    y = PF.affine(nn.Variable((2, 4)), 2, apply_w=quantizer, name="a")
    with pytest.raises(ConfigError, match=message):
        term_of({"waveq": options}).foresee([y])


def test_an_unreachable_budget_is_refused_before_training():
    y = PF.affine(nn.Variable((2, 64)), 64, with_bias=False, apply_w=Q.Uniform(8), name="a")
    with pytest.raises(InfeasibleBudgetError, match="the least reachable is"):
        term_of({"waveq": {"weights": "1000 B"}}).foresee([y])
    (line,) = term_of({"waveq": {"weights": "3 kB"}}).foresee([y])
    assert line.startswith("weights: budget 3.00 kB")


def test_a_budget_leaves_each_layer_the_bits_of_the_smallest_beta():
    y = PF.affine(nn.Variable((2, 64)), 64, with_bias=False, apply_w=Q.Uniform(8), name="a")
    with pytest.raises(InfeasibleBudgetError, match="reachable is 2.00 kB .*fewest bits") as said:
        term_of({"waveq": {"weights": "1.5 kB", "least": 2.5}}).foresee([y])
    assert said.value.help.startswith("lower least")
    assert term_of({"waveq": {"weights": "1.5 kB", "least": 2}}).foresee([y])


def test_a_lambda_beta_that_can_move_no_bit_is_said_before_training(tmp_path):
    with pytest.raises(ConfigError, match="no layer would lose a bit, which takes 1") as refused:
        trainer(tmp_path, WaveQ(lambda_beta=1e-6, beta_learning_rate=0.01))
    assert "raise one of them" in refused.value.help


def test_a_budget_of_weights_is_given_to_it_and_not_beside_it():
    settings = {"epochs": 1, "terms": ["waveq", {"budget": {"weights": "4 kB"}}]}
    with pytest.raises(ConfigError, match="waveq and budget would both decide") as refused:
        step_of({"train": settings})
    assert "waveq: {weights: 70 kB}" in refused.value.help
    settings["terms"][1] = {"budget": {"activations": "4 kB"}}
    assert len(step_of({"train": settings}).terms) == 2


def test_the_short_form_of_a_recipe_takes_its_options_and_wants_a_training():
    part = CompressionPart.checked(
        {"weights": "uniform:bits=8", "waveq": {"weights": "4 kB"}, "training": {"epochs": 1}}
    )
    assert [term.name for term in part.terms] == ["waveq"]
    with pytest.raises(ConfigError, match="compression: waveq is for a training"):
        CompressionPart.checked({"weights": "uniform:bits=8", "waveq": {}})
