# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A term of a user's own is a class of a few lines; the loop knows nothing of it."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.training import Term, Trainer, TrainingSettings, set_seed


class WeightSize(Term):
    """Adds the mean magnitude of a weight, and is content once it is below a limit."""

    def __init__(self, strength, limit=np.inf):
        self.strength, self.limit, self.calls = strength, limit, []

    def attach(self, training):
        self.weight = next(f for f in functions_of(training.output)).inputs[1]

    def objective(self, objective):
        return objective + self.strength * F.mean(F.abs(self.weight))

    def before_update(self, iteration):
        self.calls.append(("before", iteration))

    def after_update(self, iteration):
        self.calls.append(("after", iteration))

    def monitors(self):
        return {"Weight size": float(abs(self.weight.d).mean())}

    def fits(self):
        return abs(self.weight.d).mean() < self.limit

    def state(self):
        return {"calls": len(self.calls)}

    def restore(self, state):
        self.calls = [None] * state["calls"]

    def outcome(self):
        return {"calls": len(self.calls)}


def functions_of(output):
    found = []
    output.visit(found.append)
    return [f for f in found if f.info.type_name == "Affine"]


def data():
    rng = np.random.RandomState(0)
    y = np.arange(40) % 2
    x = (rng.randn(40, 4) + 3 * y[:, None]).astype(np.float32)
    return DataSet(
        "blobs",
        2,
        train=Split.checked(x[:32], y[:32], "train"),
        validation=Split.checked(x[32:], y[32:], "v"),
    )


def trainer(folder, *terms):
    nn.clear_parameters()
    set_seed(1)
    settings = TrainingSettings(
        epochs=3, batch_size=8, learning_rate=0.1, solver="Sgd", checkpoint_interval=2
    )
    net = lambda x, test: PF.affine(x, 2, name="fc")  # noqa: E731
    return Trainer(net, data(), settings, folder, Preprocessing(), seed=1, terms=terms)


def weight():
    return nn.get_parameters()["fc/affine/W"].d.copy()


def test_it_adds_to_the_objective_and_is_called_around_each_update(tmp_path):
    trainer(tmp_path / "plain").run()
    plain = abs(weight()).mean()
    term = WeightSize(4.0)
    outcome = trainer(tmp_path / "small", term).run()
    assert abs(weight()).mean() < plain / 2
    assert term.calls[:4] == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]
    assert outcome.noticed == {"calls": 24}


def test_it_is_monitored_each_ten_updates_and_after_each_epoch(tmp_path):
    training = trainer(tmp_path, WeightSize(5.0))
    training.run()
    rows = np.loadtxt(tmp_path / "Weight-size.series.txt")
    ends = {n for n in range(1, training.total + 1) if training._ends_epoch(n)}
    assert [*rows[:, 0] + 1] == sorted(ends | {*range(10, training.total, 10)})
    assert rows[-1, 1] < rows[0, 1]


def test_only_what_it_is_content_with_can_be_the_best(tmp_path):
    outcome = trainer(tmp_path, WeightSize(0.0, limit=0.0)).run()
    assert outcome.best is None and not (tmp_path / "best.h5").exists()


def test_its_state_survives_a_kill(tmp_path):
    def stop(done, total, values):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, WeightSize(1.0)).run(progress=stop)
    term = WeightSize(1.0)
    outcome = trainer(tmp_path, term).run(resume=True)
    assert term.calls[:8] == [None] * 8
    assert outcome.noticed == {"calls": 24}


def test_terms_act_in_turn(tmp_path):
    class Twice(Term):
        def objective(self, objective):
            return 2 * objective

    made = trainer(tmp_path, WeightSize(1.0), Twice())
    made.objective.forward()
    made.loss.forward()
    extra = abs(weight()).mean()
    assert made.objective.d == pytest.approx(2 * (made.loss.d + extra), rel=1e-5)


def test_it_may_train_another_network_than_the_one_that_is_scored(tmp_path):
    class Halved(Term):
        def __init__(self):
            self.calls = []

        def network(self, outputs):
            return [output * 0.5 for output in outputs]

        def before_forward(self, iteration):
            self.calls.append(iteration)

    term = Halved()
    made = trainer(tmp_path, term)
    assert made.output.parent.info.type_name == "MulScalar"
    assert made.evaluator.output.parent.info.type_name == "Affine"
    made.run()
    assert term.calls == list(range(12))
