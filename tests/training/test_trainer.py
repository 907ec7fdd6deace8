# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.functions.convolution import Convolution
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training import Trainer, TrainingSettings, WithinBudget, make_loss, set_seed

PLAIN = Preprocessing()


def two_blobs(count: int = 60) -> DataSet:
    rng = np.random.RandomState(0)
    y = np.arange(count) % 2
    x = (rng.randn(count, 4) + 2 * y[:, np.newaxis]).astype(np.float32)
    train = Split.checked(x[:40], y[:40], "blobs")
    validation = Split.checked(x[40:], y[40:], "blobs")
    return DataSet.checked("blobs", train=train, validation=validation)


def small_net(x: nn.Variable, test: bool) -> nn.Variable:
    h = F.relu(PF.affine(x, 8, apply_w=Q.LUT(bits=2), name="a"))
    h = h if test else F.dropout(h, 0.25)
    return PF.affine(h, 2, apply_w=Q.LUT(bits=2), name="b")


def settings(**changes: object) -> TrainingSettings:
    defaults = dict(
        epochs=4, batch_size=8, learning_rate=0.1, weight_decay=1e-3, checkpoint_interval=3
    )
    return TrainingSettings(**{**defaults, **changes})  # type: ignore[arg-type]


def parameters() -> dict:
    return {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}


def train(folder: Path, stop_at: int = 0, resume: bool = False, **changes: object) -> dict:
    nn.clear_parameters()
    set_seed(3)
    trainer = Trainer(small_net, two_blobs(), settings(**changes), folder, PLAIN, seed=3)

    def stop(done: int, total: int, values: dict) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    try:
        trainer.run(resume=resume, progress=stop)
    except KeyboardInterrupt:
        pass
    return parameters()


def test_the_last_epoch_stays_where_it_is_asked_for(tmp_path):
    set_seed(3)
    # So large a rate that the last epoch is not the best one.
    changes = settings(epochs=8, learning_rate=2.0, schedule="constant", solver="Adam", keep="last")
    trainer = Trainer(small_net, two_blobs(), changes, tmp_path, PLAIN, seed=3)
    assert trainer.run().best_epoch < 8
    last = parameters()
    assert not trainer.load_best()
    for name, value in parameters().items():
        np.testing.assert_array_equal(last[name], value, err_msg=name)


def test_a_training_learns_and_keeps_the_best_epoch(tmp_path):
    set_seed(3)
    trainer = Trainer(small_net, two_blobs(), settings(epochs=10), tmp_path, PLAIN, seed=3)
    outcome = trainer.run()
    assert outcome.iterations == 50
    assert outcome.best.accuracy >= outcome.last.accuracy
    assert outcome.best.accuracy > 0.8
    assert trainer.load_best()
    assert trainer.evaluator.score(two_blobs().validation) == outcome.best


@pytest.mark.parametrize("stop_at", [1, 3, 5, 11, 19])
def test_a_stopped_and_resumed_training_ends_with_the_same_bits(tmp_path, stop_at):
    whole = train(tmp_path / "whole")
    train(tmp_path / "stopped", stop_at=stop_at)
    resumed = train(tmp_path / "stopped", resume=True)
    assert list(whole) == list(resumed)
    for name in whole:
        np.testing.assert_array_equal(whole[name], resumed[name], err_msg=name)
    for series in ("Training-loss", "Validation-error"):
        name = f"{series}.series.txt"
        assert (tmp_path / "whole" / name).read_text() == (
            tmp_path / "stopped" / name
        ).read_text(), series


def pictures() -> DataSet:
    rng = np.random.RandomState(0)
    x = rng.randn(32, 2, 6, 6).astype(np.float32)
    split = Split.checked(x, (x[:, 0].mean((1, 2)) > 0).astype(np.int64), "example")
    return DataSet.checked("example", train=split, validation=split)


def small_convolutions(x: nn.Variable, test: bool) -> nn.Variable:
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c")
    return PF.affine(F.relu(PF.batch_normalization(h, batch_stat=not test, name="b")), 2, name="f")


def test_nnablas_own_functions_compute_where_asked_and_learn_the_same(tmp_path, monkeypatch):
    computed, forward = [], Convolution.forward_impl
    monkeypatch.setattr(
        Convolution, "forward_impl", lambda *given: computed.append(1) or forward(*given)
    )
    found = {}
    for cpu_kernels in (True, False):
        computed.clear()
        nn.clear_parameters()
        set_seed(3)
        how = settings(cpu_kernels=cpu_kernels)
        Trainer(small_convolutions, pictures(), how, tmp_path / str(cpu_kernels), PLAIN).run()
        found[cpu_kernels] = parameters()
        assert bool(computed) == cpu_kernels
    for name, value in found[True].items():
        np.testing.assert_allclose(value, found[False][name], atol=1e-4, err_msg=name)


def test_where_targets_are_numbers_the_epoch_of_the_lowest_loss_is_kept(tmp_path):
    rng = np.random.RandomState(0)
    x = rng.randn(60, 4).astype(np.float32)
    y = np.abs(x[:, :2])
    parts = [Split.checked(x[i], y[i], "t", targets="numbers") for i in (slice(40), slice(40, 60))]
    data = DataSet.checked("numbers", train=parts[0], validation=parts[1])
    # So large a rate that the last epoch is not the best one.
    changes = settings(epochs=8, learning_rate=2.0, schedule="constant", solver="Adam")
    trainer = Trainer(
        small_net, data, changes, tmp_path, PLAIN, seed=3, loss=make_loss("SquaredError", (8, 2))
    )
    outcome = trainer.run()
    series = (tmp_path / "Validation-loss.series.txt").read_text().split()[1::2]
    assert outcome.best.loss == pytest.approx(min(map(float, series)), rel=1e-5)
    assert outcome.best.loss < outcome.last.loss and outcome.best.accuracy is None
    assert outcome.best.metrics["mean squared error"] == pytest.approx(outcome.best.loss, rel=1e-5)
    assert not (tmp_path / "Training-error.series.txt").exists()
    assert (tmp_path / "Validation-mean-absolute-error.series.txt").exists()
    trainer.load_best()
    assert trainer.evaluator.score(data.validation) == outcome.best


def test_resuming_twice_changes_nothing_more(tmp_path):
    first = train(tmp_path)
    again = train(tmp_path, resume=True)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_only_the_two_newest_checkpoints_stay(tmp_path):
    train(tmp_path)
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    kinds = ("checkpoint_{}.json", "params_{}.h5", "states_{}.h5")
    assert names == {kind.format(number) for kind in kinds for number in (18, 20)}
    newest = json.loads((tmp_path / "checkpoints" / "checkpoint_20.json").read_text())
    assert newest["iteration"] == 20 and newest["seed"] == 3
    assert set(newest["arrays"]["params_20.h5"]) == set(parameters())


def test_weight_decay_is_that_of_nnabla(tmp_path):
    def plain(x: nn.Variable, test: bool) -> nn.Variable:
        return PF.affine(x, 2, name="a")

    set_seed(3)
    data = two_blobs()
    trainer = Trainer(plain, data, settings(epochs=0.2), tmp_path, PLAIN, seed=3)
    before = parameters()
    trainer.run()
    after = parameters()
    nn.clear_parameters()
    for name, value in before.items():
        nn.parameter.get_parameter_or_create(name, value.shape, value)
    x, t = nn.Variable((8, 4)), nn.Variable((8, 1))
    loss = F.mean(F.softmax_cross_entropy(plain(x, False), t))
    solver = settings().make_solver()
    solver.set_parameters(nn.get_parameters())
    batch = trainer.batches.batch(0)
    x.d, t.d = batch.x, batch.y
    solver.zero_grad()
    loss.forward()
    loss.backward()
    solver.weight_decay(1e-3)
    solver.update()
    for name, value in parameters().items():
        np.testing.assert_allclose(after[name], value, rtol=1e-6, atol=1e-8)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_checkpoint(tmp_path):
    def plain(x: nn.Variable, test: bool) -> nn.Variable:
        return PF.affine(x, 2, name="a")

    wild = settings(learning_rate=1e38, checkpoint_interval=1)
    trainer = Trainer(plain, two_blobs(), wild, tmp_path, PLAIN, seed=3)
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at iteration \d"):
        trainer.run()
    assert len(list((tmp_path / "checkpoints").glob("checkpoint_*.json"))) == 1


def test_weights_that_are_not_numbers_are_named_before_the_first_update(tmp_path):
    def broken(x: nn.Variable, test: bool) -> nn.Variable:
        return PF.affine(x, 2, w_init=np.full((4, 2), np.nan), apply_w=Q.LUT(bits=2), name="fc")

    trainer = Trainer(broken, two_blobs(), settings(), tmp_path, PLAIN)
    with pytest.raises(TrainingError, match="fc/affine"):
        trainer.run()


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't write"):
        Trainer(small_net, two_blobs(), settings(), tmp_path / "file" / "run", PLAIN)


def budgeted_net(x: nn.Variable, test: bool) -> nn.Variable:
    h = F.relu(PF.affine(x, 8, apply_w=Q.Uniform(bits=5), name="a"))
    with nn.parameter_scope("map"):
        h = Q.Uniform(bits=6, signed=False)(h)
    return PF.affine(h, 2, apply_w=Q.Uniform(bits=5), name="b")


def train_for_a_budget(
    folder: Path, stop_at: int = 0, resume: bool = False, from_start: bool = True
) -> Trainer:
    nn.clear_parameters()
    set_seed(3)

    def budget(outputs: list) -> MemoryBudget:
        # 32 + 16 weights and 10 float biases; 8 map elements
        return MemoryBudget(outputs, weights="56 B", activations_max="4 B", strength=1e-6)

    terms = [WithinBudget(budget, from_start)]
    trainer = Trainer(budgeted_net, two_blobs(), settings(), folder, PLAIN, seed=3, terms=terms)

    def stop(done: int, total: int, values: dict) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    try:
        trainer.run(resume=resume, progress=stop)
    except KeyboardInterrupt:
        pass
    return trainer


def budget_of(trainer):
    return next(term.budget for term in trainer.terms if isinstance(term, WithinBudget))


def test_a_training_is_within_its_budget_from_the_start(tmp_path):
    trainer = train_for_a_budget(tmp_path, stop_at=1)
    assert budget_of(trainer).fits
    train_for_a_budget(tmp_path, resume=True)
    sizes = (tmp_path / "Size-kB.series.txt").read_text().split()[1::2]
    assert all(float(size) * 1024 <= 56 for size in sizes)


def test_a_training_ends_within_its_budget_even_if_the_penalty_is_weak(tmp_path):
    trainer = train_for_a_budget(tmp_path, from_start=False)
    assert budget_of(trainer).fits
    sizes = budget_of(trainer).sizes()
    assert 50 < sizes["weights"] <= 56
    assert sizes["activations_max"] <= 4
    penalties = (tmp_path / "Penalty.series.txt").read_text().split()[1::2]
    assert float(penalties[0]) > 0 and float(penalties[-1]) == 0


@pytest.mark.parametrize(("stop_at", "from_start"), [(2, True), (12, False), (17, True)])
def test_a_training_for_a_budget_resumes_to_the_same_bits(tmp_path, stop_at, from_start):
    train_for_a_budget(tmp_path / "whole", from_start=from_start)
    whole = parameters()
    train_for_a_budget(tmp_path / "stopped", stop_at=stop_at, from_start=from_start)
    train_for_a_budget(tmp_path / "stopped", resume=True, from_start=from_start)
    for name, value in parameters().items():
        np.testing.assert_array_equal(whole[name], value, err_msg=name)
    for series in ("Bits", "Size-kB", "Penalty"):
        name = f"{series}.series.txt"
        assert (tmp_path / "whole" / name).read_text() == (
            tmp_path / "stopped" / name
        ).read_text(), series


def test_only_an_epoch_within_the_budget_can_be_the_best(tmp_path):
    trainer = train_for_a_budget(tmp_path)
    assert trainer.load_best()
    assert budget_of(trainer).fits


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from test_trainer import *
nn.clear_parameters(); set_seed(3)
trainer = Trainer(small_net, two_blobs(), settings(epochs=40), Path(sys.argv[1]), PLAIN, seed=3)
trainer.run(resume=True, progress=lambda *a: (print(a[0], flush=True), time.sleep(0.005)))
nn.save_parameters(sys.argv[1] + "/end.h5")
"""


@pytest.mark.long
def test_a_training_killed_at_any_moment_resumes_to_the_same_bits(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    environment = dict(os.environ, PYTHONPATH=os.getcwd())

    def start(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    killed = tmp_path / "killed"
    for updates in (20, 45):
        process = start(killed)
        assert process.stdout is not None
        for _ in range(updates):
            process.stdout.readline()
        time.sleep(0.003)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (killed / "end.h5").exists()
    for folder in (killed, tmp_path / "whole"):
        process = start(folder)
        process.communicate(timeout=120)
        assert process.returncode == 0
    nn.clear_parameters()
    nn.load_parameters(str(killed / "end.h5"))
    resumed = parameters()
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / "whole" / "end.h5"))
    for name, value in parameters().items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def normalized_net(x: nn.Variable, test: bool) -> nn.Variable:
    h = PF.affine(x, 6, apply_w=Q.LUT(bits=2), name="a")
    h = PF.batch_normalization(h, decay_rate=0.9, batch_stat=not test, name="a")
    return PF.affine(F.relu(h), 2, name="b")


@pytest.mark.parametrize("stop_at", [0, 7])
def test_the_running_statistics_are_those_of_the_last_weights(tmp_path, stop_at):
    set_seed(3)
    data = two_blobs()
    trainer = Trainer(normalized_net, data, settings(), tmp_path, PLAIN, seed=3)
    if stop_at:

        def stop(done: int, total: int, values: dict) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trainer.run(progress=stop)
    trainer.run(resume=True)
    kept = nn.get_parameters(grad_only=False)
    h = PF.affine(nn.Variable.from_numpy_array(data.train.x), 6, apply_w=Q.LUT(bits=2), name="a")
    h.forward()
    np.testing.assert_allclose(kept["a/bn/mean"].d.ravel(), h.d.mean(0), atol=0.2 * h.d.std())
    np.testing.assert_allclose(kept["a/bn/var"].d.ravel(), h.d.var(0), rtol=0.4)
