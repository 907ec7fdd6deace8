# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Callable, Optional

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.errors import DataError
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.stopping import Stopping, stopping_of, stopping_rules

SETTINGS = TrainingSettings(
    epochs=20, batch_size=7, learning_rate=0.5, schedule="constant", checkpoint_interval=3
)
# Options of each rule so that it stops this training before its end.
MADE = {
    "plateau": {"epochs": 2, "fall": 0.1},
    "controller": {"every": 3, "least": 4, "rounds": 2, "preset_rounds": 2},
}


def blobs() -> DataSet:
    rng = np.random.RandomState(0)
    y = np.arange(30) % 2
    x = (rng.randn(30, 3) + 2 * y[:, np.newaxis]).astype(np.float32)
    return DataSet.checked("blobs", train=Split.checked(x, y, "blobs"))


def net(x: nn.Variable, test: bool) -> nn.Variable:
    return PF.affine(x, 2, apply_w=Q.LUT(bits=2), name="a")


def trained(
    folder: Path, rule: Optional[Stopping], kill_at: int = 0, resume: bool = False
) -> tuple:
    nn.clear_parameters()
    set_seed(3)
    trainer = Trainer(
        net, blobs(), SETTINGS, folder, Preprocessing(), seed=3, terms=(), stopping=rule
    )

    def kill(done: int, total: int, values: dict) -> None:
        if done == kill_at:
            raise KeyboardInterrupt

    try:
        outcome = trainer.run(resume=resume, progress=kill)
    except KeyboardInterrupt:
        return None, {}
    return outcome, {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}


def one_round(number: int, rule_for: Callable[[int], Stopping]) -> None:
    rule = rule_for(1)
    for epoch in range(1, 21):
        rule.after(epoch, 1 / epoch)


def test_every_rule_is_tried_here():
    assert set(MADE) == set(stopping_rules())


@pytest.mark.parametrize("name", sorted(MADE))
@pytest.mark.parametrize("kill_at", [2, 13, 16, 21])
def test_a_killed_training_stops_where_the_whole_one_does_with_the_same_bits(
    tmp_path, name, kill_at
):
    options = stopping_of({name: MADE[name]})
    learned = {**options.practise(one_round, 1, 20, seed=0)}
    learned.update(threshold=0.0)
    outcome, expected = trained(tmp_path / "whole", options.start(1, learned))
    assert outcome.iterations < 86, "it must stop early"
    trained(tmp_path / "killed", options.start(1, learned), kill_at=kill_at)
    again, found = trained(tmp_path / "killed", options.start(1, learned), resume=True)
    assert again.stopped == outcome.stopped and again.iterations == outcome.iterations
    assert all(np.array_equal(found[path], expected[path]) for path in expected)
    # What has stopped stays so.
    last, same = trained(tmp_path / "killed", options.start(1, learned), resume=True)
    assert last == again and all(np.array_equal(same[path], expected[path]) for path in expected)


def test_the_outcome_says_when_it_stopped_and_why(tmp_path):
    outcome, _ = trained(tmp_path, stopping_of({"plateau": MADE["plateau"]}).start())
    assert outcome.stopped["of"] == 20 and 3 <= outcome.stopped["epochs"] < 20
    assert outcome.stopped["why"].startswith("the loss ")


def test_without_a_rule_all_epochs_are_trained_and_nothing_is_said(tmp_path):
    outcome, _ = trained(tmp_path, None)
    assert outcome.iterations == 86 and outcome.stopped == {}


def test_a_rule_that_never_stops_changes_no_bit(tmp_path):
    _, expected = trained(tmp_path / "without", None)
    outcome, found = trained(tmp_path / "never", stopping_of({"plateau": {"epochs": 20}}).start())
    assert outcome.stopped == {"epochs": 20.0, "of": 20.0, "why": "all epochs are trained"}
    assert all(np.array_equal(found[path], expected[path]) for path in expected)


def test_no_training_stops_while_its_weights_cannot_be_stored(tmp_path):
    class AtOnce(Stopping):
        def after(self, epoch: int, loss: float) -> str:
            return "at once"

    nn.clear_parameters()
    trainer = Trainer(net, blobs(), SETTINGS, tmp_path, Preprocessing(), stopping=AtOnce())
    trainer._are_settled = lambda: False  # type: ignore[method-assign]
    assert trainer.run().stopped["why"] == "all epochs are trained"


def test_a_checkpoint_that_does_not_fit_the_rule_is_refused(tmp_path):
    class Other(Stopping):
        def after(self, epoch: int, loss: float) -> None:
            return None

        def restore(self, state: dict) -> None:
            raise KeyError("losses")

    trained(tmp_path, stopping_of("plateau").start(), kill_at=8)
    with pytest.raises(DataError, match="does not fit the training"):
        trained(tmp_path, Other(), resume=True)
