# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every term of a training owes to the loop, which knows none by name."""

from __future__ import annotations

import importlib
import json
import pkgutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training import Trainer, TrainingSettings, set_seed, terms
from nnabla_compress.training.terms import (
    AttentionTransfer,
    Distillation,
    ExitLosses,
    Gradual,
    GroupLasso,
    Hints,
    LearnedBits,
    MapPair,
    QuantizedGradients,
    RunningStatistics,
    SinReQ,
    Slimming,
    Term,
    WaveQ,
    WithinBudget,
)
from tests.training.test_trainer import parameters, two_blobs


def plain_net(x: nn.Variable, test: bool) -> nn.Variable:
    return PF.affine(x, 2, name="a")


def quantized_net(x: nn.Variable, test: bool) -> nn.Variable:
    h = PF.affine(x, 8, apply_w=Q.Uniform(bits=5), name="a")
    h = F.relu(PF.batch_normalization(h, batch_stat=not test, name="a"))
    h = F.reshape(h, (h.shape[0], 4, 2))
    return PF.affine(h, 2, apply_w=Q.Uniform(bits=5), name="b")


def teacher(x: nn.Variable, test: bool) -> nn.Variable:
    with nn.parameter_scope("teacher"):
        h = F.reshape(F.relu(PF.affine(x, 12, name="wide")), (x.shape[0], 6, 2))
        return PF.affine(h, 2, name="out")


WIDE = MapPair(student="a/affine", teacher="teacher/wide/affine")
LINES = MapPair(student="a/affine/reshape", teacher="teacher/wide/affine/reshape")


def pruned_net(x: nn.Variable, test: bool) -> nn.Variable:
    h = F.relu(PF.affine(x, 8, apply_w=Q.Prune(0.5, fixed=True), name="a"))
    return PF.affine(h, 2, name="b")


# A term of each kind for the quantized network; a new one gets its line here.
MADE = {
    AttentionTransfer: lambda: AttentionTransfer(teacher, [LINES]),
    Distillation: lambda: Distillation(quantized_net, temperature=2.0, weight=0.5),
    Hints: lambda: Hints(teacher, [WIDE, LINES], weight=0.5),
    ExitLosses: ExitLosses,
    Gradual: lambda: Gradual(every=3),
    GroupLasso: lambda: GroupLasso(filters=0.01, channels=0.01),
    LearnedBits: LearnedBits,
    QuantizedGradients: lambda: QuantizedGradients(bits=4),
    RunningStatistics: RunningStatistics,
    SinReQ: lambda: SinReQ(strength=0.5, schedule="tanh"),
    Slimming: lambda: Slimming(0.01),
    WaveQ: lambda: WaveQ(lambda_w=0.5, weights="56 B"),
    WithinBudget: lambda: WithinBudget(lambda outputs: MemoryBudget(outputs, weights="56 B")),
}


# What is for other networks.
NETWORKS = {Gradual: pruned_net}


def kinds():
    found = set()
    for module in pkgutil.iter_modules(terms.__path__):
        members = vars(importlib.import_module(f"{terms.__name__}.{module.name}")).values()
        found |= {m for m in members if isinstance(m, type) and issubclass(m, Term)}
    return found - {Term}


KINDS = sorted(kinds(), key=lambda kind: kind.__name__)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def trainer(folder, kind, net=None, epochs=3):
    nn.clear_parameters()
    net = net or NETWORKS.get(kind, quantized_net)
    set_seed(3)
    settings = TrainingSettings(
        epochs=epochs, batch_size=8, learning_rate=0.05, checkpoint_interval=3
    )
    return Trainer(
        net, two_blobs(), settings, folder, Preprocessing(), seed=3, terms=[MADE[kind]()]
    )


def own(made, kind):
    """The term of a kind that a training has."""
    return next(term for term in made.terms if type(term) is kind)


def test_each_is_exported_and_has_a_line_in_this_test():
    assert {kind.__name__ for kind in KINDS} <= set(terms.__all__)
    assert set(KINDS) == set(MADE)


def test_its_objective_is_one_finite_number_that_can_be_minimized(kind, tmp_path):
    made = trainer(tmp_path, kind)
    assert made.objective.shape == () and made.objective.need_grad
    made.objective.forward()
    assert np.isfinite(made.objective.d)


def test_it_goes_through_a_training_and_tells_numbers_and_a_json_value(kind, tmp_path):
    made = trainer(tmp_path, kind)
    outcome = made.run()
    term = own(made, kind)
    assert all(np.isfinite(value) for value in term.monitors().values())
    assert term.fits() in (True, False)
    assert json.loads(json.dumps(term.outcome())) == term.outcome()
    assert set(term.outcome()) <= set(outcome.noticed)


def test_what_it_keeps_is_json_and_is_all_that_a_new_one_needs(kind, tmp_path):
    made = trainer(tmp_path / "first", kind)
    made.run()
    state = own(made, kind).state()
    assert json.loads(json.dumps(state)) == state
    term = MADE[kind]()
    term.attach(made)
    term.begin()
    term.restore({**state, "of_another_term": 1})
    assert term.state() == state
    assert (term.outcome(), term.fits()) == (own(made, kind).outcome(), own(made, kind).fits())


def test_no_other_term_keeps_a_value_under_the_same_key(kind, tmp_path):
    made = trainer(tmp_path, kind)
    made.run()
    others = [term for term in made.terms if type(term) is not kind]
    for other in others:
        assert not set(own(made, kind).state()) & set(other.state())


@pytest.mark.parametrize("stop_at", [4, 11])
def test_a_training_that_was_stopped_ends_with_the_same_bits(kind, tmp_path, stop_at):
    def stop(done, total, values):
        if done == stop_at:
            raise KeyboardInterrupt

    trainer(tmp_path / "whole", kind).run()
    whole = parameters()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "stopped", kind).run(progress=stop)
    made = trainer(tmp_path / "stopped", kind)
    made.run(resume=True)
    assert list(parameters()) == list(whole)
    for name, values in parameters().items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


def test_a_training_without_updates_leaves_it_unharmed(kind, tmp_path):
    trainer(tmp_path, kind, epochs=0).run()


@pytest.mark.parametrize("usual", [type(term) for term in terms.with_usual_terms([])])
def test_a_term_that_every_training_has_rests_where_nothing_is_quantized(usual, tmp_path):
    made = trainer(tmp_path, usual, plain_net)
    made.run()
    assert not own(made, usual).monitors() and not own(made, usual).outcome()
