# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.training import Distillation, Trainer, evaluate, set_seed
from nnabla_compress.training.terms import ExitLosses, ExitLossesOptions
from tests.training import test_trainer as trainings
from tests.training.test_trainer import parameters, two_blobs


def with_exits(x, test):
    """Three exits: the last one's layers have normalization, and weights of few bits."""
    h = PF.affine(x, 8, apply_w=Q.LUT(bits=2), name="a")
    h = F.relu(PF.batch_normalization(h, batch_stat=not test, name="a"))
    first = PF.affine(h, 2, name="e1")
    h = F.relu(PF.affine(h, 8, name="b"))
    h = h if test else F.dropout(h, 0.25)
    return {"exit1": first, "exit2": PF.affine(h, 2, name="e2"), "exit3": PF.affine(h, 2, name="c")}


def trainer(folder, terms=(), net=with_exits, **changes):
    nn.clear_parameters()
    set_seed(3)
    data, plain = two_blobs(), Preprocessing()
    return Trainer(net, data, trainings.settings(**changes), folder, plain, seed=3, terms=terms)


def cross_entropies(made, targets):
    """Mean losses of the exits as NumPy has them."""
    found = []
    for output in made.outputs:
        logits = output.d.astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(logits, targets.astype(int), 1)[:, 0]
        found.append(np.mean(np.log(np.exp(logits).sum(axis=1)) - chosen))
    return found


def first_batch(made):
    batch = made.batches.batch(0)
    made.feed.put(batch)
    for output in made.outputs:
        output.persistent = True
    nn.forward_all([made.objective, *made.outputs])
    return batch.y


def test_all_exits_count_the_same(tmp_path):
    made = trainer(tmp_path)
    targets = first_batch(made)
    assert float(made.objective.d) == pytest.approx(sum(cross_entropies(made, targets)), rel=1e-5)


def test_weights_say_how_much_each_exit_counts(tmp_path):
    made = trainer(tmp_path, [ExitLosses(weights=[0.5, 0, 2])])
    losses = cross_entropies(made, first_batch(made))
    assert float(made.objective.d) == pytest.approx(0.5 * losses[0] + 2 * losses[2], rel=1e-5)


def test_the_last_exit_teaches_the_others_and_learns_nothing_of_them(tmp_path):
    made = trainer(tmp_path, [ExitLosses(weights=[1, 1, 0], distill=1.0, temperature=2.0)])
    first_batch(made)
    soft = [np.exp(y.d / 2.0) / np.exp(y.d / 2.0).sum(1, keepdims=True) for y in made.outputs]
    apart = [4 * np.mean((soft[2] * np.log(soft[2] / s)).sum(1)) for s in soft[:2]]
    assert float(made.objective.d) == pytest.approx(sum(apart), rel=1e-4)
    made.solver.zero_grad()
    made.objective.backward()
    assert not nn.get_parameters()["c/affine/W"].g.any()
    assert nn.get_parameters()["e2/affine/W"].g.any()


def test_a_frozen_trunk_keeps_its_bits_and_the_exits_learn(tmp_path):
    made = trainer(tmp_path, [ExitLosses(freeze=True)], keep="last")
    Q.prepare(made.outputs)
    before = parameters()
    made.run()
    after = parameters()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"e1/affine/W", "e1/affine/b", "e2/affine/W", "e2/affine/b"}


def test_each_exit_is_scored(tmp_path):
    made = trainer(tmp_path, epochs=8)
    outcome = made.run()
    assert len(outcome.last.exit_accuracies) == 3
    assert outcome.last.exit_accuracies[-1] == outcome.last.accuracy > 0.8
    (series,) = tmp_path.glob("Validation-error-of-exit-2*")
    assert float(series.read_text().split()[-1]) == pytest.approx(
        1 - outcome.last.exit_accuracies[1]
    )
    split = two_blobs().validation
    score = evaluate(with_exits, split, Preprocessing())
    alone = evaluate(lambda x, test: with_exits(x, test)["exit1"], split, Preprocessing())
    assert score.exit_accuracies[0] == alone.accuracy and alone.exit_accuracies == ()


@pytest.mark.parametrize(
    "term, said",
    [
        (ExitLosses(weights=[1, 1]), "2 weights for 3 exits"),
        (ExitLosses(freeze=True), "nothing is left"),
    ],
)
def test_what_does_not_fit_the_exits_is_refused(tmp_path, term, said):
    def bare(x, test):
        found = with_exits(x, test)
        if term.freeze:
            found = {"exit1": found["exit3"] * 2, "exit2": found["exit3"]}
        return found

    with pytest.raises(ConfigError, match=said):
        trainer(tmp_path, [term], bare)


def test_one_output_has_no_exits_to_weigh(tmp_path):
    with pytest.raises(ConfigError, match="one output"):
        trainer(tmp_path, [ExitLosses(freeze=True)], lambda x, test: PF.affine(x, 2))


@pytest.mark.parametrize("options", [{"distill": 2}, {"temperature": 0}, {"weights": [0, 0]}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="exits"):
        ExitLossesOptions.checked(options, "terms")


def test_a_killed_training_of_exits_ends_with_the_same_bits(tmp_path):
    def stop(done, total, values):
        if done == 7:
            raise KeyboardInterrupt

    whole = trainer(tmp_path / "whole", [ExitLosses(distill=0.5)])
    whole.run()
    expected = parameters()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "killed", [ExitLosses(distill=0.5)]).run(progress=stop)
    trainer(tmp_path / "killed", [ExitLosses(distill=0.5)]).run(resume=True)
    for name, value in parameters().items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_distillation_from_another_network_teaches_every_exit(tmp_path):
    def teacher(x, test):
        with nn.parameter_scope("teacher"):
            return PF.affine(x, 2)

    made = trainer(tmp_path, [Distillation(teacher, weight=1.0)])
    first_batch(made)
    made.solver.zero_grad()
    made.objective.backward()
    assert all(nn.get_parameters()[f"{name}/affine/W"].g.any() for name in ("e1", "e2", "c"))
