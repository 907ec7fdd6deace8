# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numba
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import DataSet, Split
from nnabla_compress.data.augmentation import augmentation
from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training import Trainer, TrainingSettings, WithinBudget, set_seed
from nnabla_compress.training import shares as module
from nnabla_compress.training.shares import Shares
from nnabla_compress.training.terms.distillation import Distillation
from nnabla_compress.training.terms.waveq import WaveQ
from tests.training.test_trainer import PLAIN, parameters

PROCESSES = 1, 2, 3
FORKS = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def pictures(count: int = 48) -> DataSet:
    rng = np.random.RandomState(0)
    x = rng.randn(count, 2, 6, 6).astype(np.float32)
    split = Split.checked(x, (x[:, 0].mean((1, 2)) > 0).astype(np.int64), "pictures")
    return DataSet.checked("pictures", train=split, validation=split)


def plain_net(x: nn.Variable, test: bool) -> nn.Variable:
    return PF.affine(F.relu(PF.affine(x, 8, name="a")), 2, name="b")


def rich_net(x: nn.Variable, test: bool) -> nn.Variable:
    """Statistics of batches, ranges that follow them, learned bits, dictionaries, random zeros."""
    learned = Q.Uniform(bits=4, step="pow2")
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), apply_w=learned, name="c")
    h = PF.batch_normalization(h, batch_stat=not test, name="n")
    h = Q.MovingRange(bits=8, symmetric=False)(F.relu(h))
    with nn.parameter_scope("map"):  # whose range the first batch sets
        h = Q.Uniform(bits=6, signed=False)(h)
    h = h if test else F.dropout(h, 0.25)
    return PF.affine(h, 2, apply_w=Q.LUT(bits=2), name="f")


def teacher(x: nn.Variable, test: bool) -> nn.Variable:
    with nn.parameter_scope("teacher"):
        return plain_net(x, test)


def trainer_of(folder, net=rich_net, terms=(), **changes):
    nn.clear_parameters()
    set_seed(3)
    defaults = dict(epochs=3, batch_size=12, shares=3, learning_rate=0.05, weight_decay=1e-3)
    settings = TrainingSettings(**{**defaults, "checkpoint_interval": 2, **changes})
    rich = net is rich_net
    with nn.auto_forward(False):
        teacher(nn.Variable((1, 2, 6, 6)), True)

    def budget(outputs):
        return MemoryBudget(outputs, weights="140 B", strength=1e-4)

    return Trainer(
        net,
        pictures(),
        settings,
        folder,
        PLAIN,
        augmentation("pad_crop_flip", pad=1) if rich else None,
        seed=3,
        terms=[Distillation(teacher, 2.0, 0.5), WithinBudget(budget)] if rich else terms,
    )


def trained(folder, net=rich_net, stop_at=0, resume=False, **changes):
    trainer = trainer_of(folder, net, **changes)

    def stop(done, total, values):
        if done == stop_at:
            raise KeyboardInterrupt

    try:
        trainer.run(resume=resume, progress=stop)
    except KeyboardInterrupt:
        pass
    return parameters()


def assert_same_bits(one, other):
    assert list(one) == list(other)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.fixture
def processes(monkeypatch):
    return lambda count: monkeypatch.setattr(module, "_processes", lambda: count)


def test_shares_give_the_gradients_of_the_whole_batch(tmp_path):
    whole = trained(tmp_path / "1", plain_net, shares=1)
    for shares in (2, 3, 12):
        found = trained(tmp_path / str(shares), plain_net, shares=shares)
        for name, value in whole.items():
            np.testing.assert_allclose(value, found[name], atol=1e-5, err_msg=name)


@FORKS
def test_any_number_of_processes_gives_the_same_bits(tmp_path, processes):
    found = []
    for count in PROCESSES:
        processes(count)
        found.append(trained(tmp_path / str(count)))
        assert not multiprocessing.active_children()
    for other in found[1:]:
        assert_same_bits(found[0], other)


@FORKS
def test_what_terms_know_beside_parameters_reaches_all_processes(tmp_path, processes):
    def wavy_net(x, test):
        learned = Q.Uniform(bits=4, learn="b_d")
        return PF.affine(F.relu(PF.affine(x, 8, apply_w=learned, name="a")), 2, name="b")

    found = []
    for count in (1, 2):
        processes(count)
        trainer = trainer_of(tmp_path / str(count), wavy_net, terms=[WaveQ()], shares=2)
        trainer.run()  # bits settle on the way: the sine has other levels from then on
        found.append(parameters())
    assert_same_bits(*found)


@FORKS
@pytest.mark.parametrize("stop_at", [1, 5])
def test_a_stopped_training_goes_on_to_the_same_bits_on_other_processes(
    tmp_path, processes, stop_at
):
    processes(2)
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "stopped", stop_at=stop_at)
    assert not multiprocessing.active_children()
    processes(1)
    assert_same_bits(whole, trained(tmp_path / "stopped", resume=True))


@FORKS
def test_running_statistics_are_the_means_of_what_shares_made_of_them(tmp_path, processes):
    processes(2)
    nn.clear_parameters()
    rng = np.random.RandomState(1)
    batch = rng.randn(2, 6, 3).astype(np.float32)  # two shares
    x = nn.Variable((6, 3))
    y = PF.batch_normalization(x, name="n", decay_rate=0.75)
    objective = F.mean(y**2)
    scope = nn.get_parameters(grad_only=False)
    scope["n/bn/mean"].d = 2.0

    def pass_through(number, share):
        x.d = batch[share]
        objective.forward()
        objective.backward()
        return [float(number), float(share)]

    shares = Shares(2, objective, [x], [], pass_through, 2)
    with shares.at_work():
        assert shares.compute(7).tolist() == [7.0, 0.5]
    mean = np.mean([0.75 * 2 + 0.25 * part.mean(axis=0) for part in batch], axis=0)
    variance = np.mean([0.75 + 0.25 * part.var(axis=0, ddof=1) for part in batch], axis=0)
    np.testing.assert_allclose(scope["n/bn/mean"].d.ravel(), mean, rtol=1e-5)
    np.testing.assert_allclose(scope["n/bn/var"].d.ravel(), variance, rtol=1e-5)


def test_what_no_share_changes_stays_as_it_is(processes):
    processes(1)
    nn.clear_parameters()
    values = np.float32([0.1, 1 / 3, np.pi, 1e-30])
    kept = nn.Variable.from_numpy_array(values)
    x = nn.Variable.from_numpy_array(np.ones((1, 4), np.float32), need_grad=True)
    objective = F.sum(x * F.reshape(kept, (1, 4)))

    def pass_through(number, share):
        objective.forward()
        objective.backward()
        return [0.0]

    shares = Shares(3, objective, [], [], pass_through, 1)
    with shares.at_work():
        shares.compute(0)
    assert np.array_equal(kept.d, values)
    assert np.array_equal(x.g, values[np.newaxis])


@FORKS
def test_kernels_of_a_share_leave_the_cores_to_the_others(processes):
    nn.clear_parameters()
    x = nn.Variable((2, 3))
    objective = F.mean(PF.affine(x, 2))
    seen = []

    def pass_through(number, share):
        seen.append(numba.get_num_threads())
        objective.forward()
        objective.backward()
        return [0.0]

    before = numba.get_num_threads()
    processes(2)
    shares = Shares(2, objective, [x], [], pass_through, 1)
    with shares.at_work():
        shares.compute(0)
        assert len(multiprocessing.active_children()) == 1
    assert seen == [1] and numba.get_num_threads() == before


@FORKS
def test_a_process_that_is_killed_is_told(tmp_path, processes):
    processes(2)
    trainer = trainer_of(tmp_path)

    def kill(done, total, values):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"ended \(exit status -9\)"):
        trainer.run(progress=kill)
    assert not multiprocessing.active_children()


@FORKS
def test_what_goes_wrong_in_another_process_is_told(processes):
    nn.clear_parameters()
    x = nn.Variable((2, 3))
    objective = F.mean(PF.affine(x, 2))

    def pass_through(number, share):
        if share:
            raise RuntimeError("no memory")
        return [0.0]

    processes(2)
    shares = Shares(2, objective, [x], [], pass_through, 1)
    with shares.at_work(), pytest.raises(TrainingError, match="can't be computed: no memory"):
        shares.compute(0)


@FORKS
def test_a_loss_that_is_not_a_number_is_told(tmp_path, processes):
    processes(2)
    with pytest.raises(TrainingError, match="the training diverged"):
        trained(tmp_path, plain_net, shares=2, learning_rate=1e30, epochs=8)


def test_shares_divide_the_batch():
    with pytest.raises(ConfigError, match="64 samples of an update in 3 shares"):
        TrainingSettings(epochs=1, batch_size=64, shares=3)
    with pytest.raises(ConfigError, match="shares is 0, the least is 1"):
        TrainingSettings(epochs=1, shares=0)


_SCRIPT = """
import multiprocessing, os
import nnabla as nn, nnabla.functions as F, nnabla.parametric_functions as PF
from nnabla_compress.training import shares as module
module._processes = lambda: 2
x = nn.Variable((2, 3))
objective = F.mean(PF.affine(x, 2))
shares = module.Shares(2, objective, [x], [], lambda number, share: [0.0], 1)
with shares.at_work():
    shares.compute(0)
    print(len(multiprocessing.active_children()), "other process", flush=True)
    os.kill(os.getpid(), 9)
"""


@FORKS
def test_the_processes_of_a_training_that_is_killed_end_too():
    # Its output ends when no process is left that has inherited it.
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], stdout=subprocess.PIPE, text=True, timeout=600
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "1 other process\n"
