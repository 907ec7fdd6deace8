# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The cubic schedule: what is pruned when, and that the mask stays in between."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import Gradual, Term, term_of
from tests.training.test_trainer import two_blobs


def network(rate=0.8, **options):
    def build(x, test):
        h = F.relu(PF.affine(x, 50, apply_w=Q.Prune(rate, fixed=True, **options), name="a"))
        return PF.affine(h, 2, name="b")

    return build


class Watch(Term):
    """Notes the mask and the weight behind each update."""

    def attach(self, training):
        self.node, self.seen = training.quantizers[0], []

    def after_update(self, iteration):
        weight, mask = (np.array(variable.d) for variable in self.node.inputs)
        self.seen.append((mask, weight))


def trained(folder, term, build=None, epochs=22 / 5):
    nn.clear_parameters()
    set_seed(3)
    watch = Watch()
    settings = TrainingSettings(epochs=epochs, batch_size=8, solver="Sgd", learning_rate=0.05)
    trainer = Trainer(
        build or network(), two_blobs(), settings, folder, Preprocessing(), seed=3,
        terms=[term, watch],
    )  # fmt: skip
    return trainer, trainer.run(), watch.seen


def sparsities(seen):
    return [round(float((mask == 0).mean()), 3) for mask, _ in seen]


def test_the_sparsity_rises_as_published(tmp_path):
    trainer, _, seen = trained(tmp_path, Gradual(every=2, end_at=20 / 22))
    assert trainer.total == 22
    found = sparsities(seen)
    # Of 200 weights, in steps of two updates: .8 - .8 (1 - n / 10)^3, rounded down.
    expected = [0, 0.215, 0.39, 0.525, 0.625, 0.7, 0.745, 0.775, 0.79, 0.795, 0.8]
    assert found[::2] == found[1::2] == expected


def test_in_between_the_mask_stays_and_pruned_weights_learn_nothing(tmp_path):
    _, _, seen = trained(tmp_path, Gradual(every=6))
    for (mask, before), (same, after) in zip(seen[6:11], seen[7:12]):
        assert (mask == same).all()
        assert (before[mask == 0] == after[mask == 0]).all()
        assert (before[mask == 1] != after[mask == 1]).any()


def test_it_begins_and_ends_where_it_shall(tmp_path):
    found = sparsities(trained(tmp_path, Gradual(0.3, start_at=0.5, end_at=1.0, every=5))[2])
    assert found[:11] == [0.3] * 11 and found[-1] == 0.8 and found[11] == 0.3 < found[16] < 0.8


def test_only_a_network_with_all_zeros_can_be_the_best(tmp_path):
    _, outcome, _ = trained(tmp_path, Gradual(every=1, end_at=1.0), epochs=3.0)
    assert outcome.best_epoch == 3


def test_a_pattern_is_there_from_the_end_of_the_schedule_on(tmp_path):
    build = network(None, pattern="1:2")
    found = sparsities(trained(tmp_path, Gradual(every=4, end_at=0.5), build)[2])
    assert found[:8] == [0] * 8 and found[8:] == [0.5] * 14


def test_its_sparsity_is_monitored(tmp_path):
    trained(tmp_path, Gradual(every=2))
    values = (tmp_path / "Sparsity.series.txt").read_text().split()[1::2]
    assert float(values[-1]) == pytest.approx(0.8)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"initial": 1.0}, "initial is 1.0"),
        ({"start_at": 1.0}, "start_at is 1.0"),
        ({"end_at": 0.0}, "end_at is 0.0"),
        ({"start_at": 0.5, "end_at": 0.5}, "end_at is 0.5.*behind start_at, 0.5"),
        ({"every": 0}, "every is 0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        term_of({"gradual": options})


def test_a_network_without_pruned_weights_is_refused(tmp_path):
    def plain(x, test):
        return PF.affine(x, 2, apply_w=Q.Prune(0.5), name="a")

    with pytest.raises(ConfigError, match="no weights are pruned by a mask that stays") as error:
        trained(tmp_path, Gradual(), plain)
    assert "prune_weights" in error.value.help
    with pytest.raises(ConfigError, match="no weights are pruned"):
        term_of("gradual").foresee([plain(nn.Variable((1, 4)), False)])
