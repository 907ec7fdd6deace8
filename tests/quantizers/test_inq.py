# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.quantizers.inq import FREE, powers
from nnabla_compress.solvers import Quantized
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.transforms import start_quantizers

EIGHT = np.float32([[1.0, -0.9, 0.7, 0.5], [0.3, -0.2, 0.1, 0.03]])


def weight_of(values=EIGHT):
    return nn.parameter.get_parameter_or_create("fc/W", values.shape, values)


def layer(quantizer, values=EIGHT):
    w = weight_of(values)
    with nn.parameter_scope("fc"):
        return w, quantizer(w)


def state(name):
    return nn.get_parameters(grad_only=False)[f"fc/inq/{name}"]


def fixed():
    return int((state("codes").d != FREE).sum())


def test_where_nothing_is_trained_all_weights_become_powers_of_two_or_zero():
    _, y = layer(Q.INQ(bits=4))
    y.forward()
    assert y.d.tolist() == [[1, -1, 0.5, 0.5], [0.25, -0.25, 0.125, 0]]
    encoding = Q.INQ.encode(y.parent)
    assert (encoding.bits, len(encoding.dictionary)) == (4, 9)
    np.testing.assert_array_equal(encoding.decode(), y.d)
    assert Q.INQ.bits_of(y.parent.info.args, y.parent.inputs) == 4


def test_weights_near_the_smallest_floats_have_values_too():
    assert powers(1e-42, 8).astype(bool).sum() == 128
    _, y = layer(Q.INQ(8), np.float32([[1e-42, 0]]))
    y.forward()
    assert y.d.tolist() == [[0, 0]]


def test_a_schedule_is_no_obstacle_where_nothing_is_trained():
    _, y = layer(Q.INQ(4, [3, 9]))
    start_quantizers([F.affine(nn.Variable((1, 2)), y)])
    assert fixed() == 8


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_values_are_those_of_nnabla(bits, rng):
    values = rng.randn(9, 30).astype(np.float32)
    w = nn.Variable.from_numpy_array(values)
    z = F.inq_affine(
        nn.Variable.from_numpy_array(np.eye(9)), w, nn.Variable((9, 30)), None, 1, bits, (0,)
    )
    _, y = layer(Q.INQ(bits=bits), values)
    nn.forward_all([z, y])
    np.testing.assert_array_equal(y.d, z.d)


def test_portions_are_fixed_as_nnabla_fixes_them_update_by_update(rng):
    x = nn.Variable.from_numpy_array(rng.randn(5, 2).astype(np.float32))
    target = nn.Variable.from_numpy_array(rng.randn(5, 4).astype(np.float32))
    theirs = nn.Variable.from_numpy_array(EIGHT.copy()).apply(need_grad=True)
    indicators = nn.Variable((2, 4))
    indicators.d = 0
    z = F.inq_affine(x, theirs, indicators, None, 1, 4, (2, 4, 6), "largest_abs")
    ours, node = layer(Q.INQ(4, [2, 4, 6]))
    losses, solvers = [], []
    for y, weight in ((z, theirs), (F.affine(x, node), ours)):
        losses.append(F.mean(F.squared_error(y, target)))
        solvers.append(Quantized(S.Sgd(0.05)) if weight is ours else S.Sgd(0.05))
        solvers[-1].set_parameters({"W": weight})
    counts = []
    for _ in range(8):
        for loss, solver in zip(losses, solvers):
            loss.forward()
            solver.zero_grad()
            loss.backward()
        counts.append(int(indicators.d.sum()))
        np.testing.assert_allclose(node.d, theirs.d, rtol=1e-6, atol=1e-7)
        for solver in solvers:
            solver.update()
    assert counts == [0, 0, 4, 4, 6, 6, 8, 8]
    assert fixed() == 8
    # What is saved after an update: ours is a power of two, theirs has moved.
    assert set(np.abs(ours.d[ours.d != 0])) <= set(powers(1.0, 4))
    assert np.abs(theirs.d - ours.d).max() > 0


def test_fixed_weights_have_no_gradient_and_withstand_momentum_and_decay():
    w, y = layer(Q.INQ(4, [0, 3]))
    solver = Quantized(S.Momentum(0.1, 0.9))
    solver.set_parameters({"W": w})
    loss = F.sum(y * y)
    for update in range(6):
        loss.forward()
        solver.zero_grad()
        loss.backward()
        if 0 < update < 3:
            assert (w.g == 0).sum() == 4 == fixed()
        solver.weight_decay(0.1)
        solver.update()
    assert fixed() == 8
    loss.forward()
    np.testing.assert_array_equal(w.d, y.d)


def test_a_random_selection_depends_on_the_seed_and_the_update_only(rng):
    values = rng.randn(10, 20).astype(np.float32)
    codes = []
    for seed in (1, 1, 2):
        nn.clear_parameters()
        _, y = layer(Q.INQ(4, [0, 5], "random", seed), values)
        Q.INQ.begin_training(y.parent.info.args, y.parent.inputs, 9)
        codes.append(state("codes").d.copy())
        assert fixed() == 100
    np.testing.assert_array_equal(codes[0], codes[1])
    assert (codes[0] != codes[2]).any()


def test_the_counter_the_fixed_weights_and_the_values_are_parameters_that_files_hold(tmp_path):
    w, y = layer(Q.INQ(3, [0, 2]))
    Q.INQ.begin_training(y.parent.info.args, y.parent.inputs, 5)
    Q.INQ.after_update(y.parent.info.args, y.parent.inputs, 1)
    y.forward()
    before = y.d.copy()
    nn.save_parameters(str(tmp_path / "p.h5"))
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / "p.h5"))
    _, y = layer(Q.INQ(3, [0, 2]))
    y.forward()
    np.testing.assert_array_equal(y.d, before)
    assert fixed() == 4 and state("updates").d == [1]
    Q.INQ.after_update(y.parent.info.args, y.parent.inputs, 1)
    assert fixed() == 8


def blobs():
    y = np.arange(48) % 2
    x = (np.random.RandomState(0).randn(48, 2) + y[:, None]).astype(np.float32)
    split = Split.checked(x, y, "blobs")
    return DataSet.checked("blobs", train=split, validation=split)


def trainer(folder, quantizer, epochs=2.0):
    def build(x, test):
        return F.affine(x, layer(quantizer)[1])

    settings = TrainingSettings(epochs=epochs, batch_size=8, checkpoint_interval=4)
    return Trainer(build, blobs(), settings, folder, Preprocessing(), seed=3)


def test_a_training_killed_between_two_portions_ends_with_the_same_bits(tmp_path):
    def stop(done, total, values):
        if done == 5:
            raise KeyboardInterrupt

    found = []
    for name, progress in (("whole", None), ("killed", stop)):
        nn.clear_parameters()
        set_seed(3)
        work = trainer(tmp_path / name, Q.INQ(4))
        if progress is not None:
            with pytest.raises(KeyboardInterrupt):
                work.run(progress=progress)
            nn.clear_parameters()
            work = trainer(tmp_path / name, Q.INQ(4))
        work.run(resume=True)
        assert fixed() == 8
        parameters = nn.get_parameters(grad_only=False)
        found.append({path: parameter.d.copy() for path, parameter in parameters.items()})
    assert found[0]["fc/inq/updates"] == [12]
    assert found[0]["fc/inq/schedule"].tolist() == [0, 3, 6, 9]
    for path, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][path])


def test_the_best_epoch_is_one_in_which_all_weights_are_fixed(tmp_path):
    work = trainer(tmp_path / "run", Q.INQ(4, [0, 8]))
    outcome = work.run()
    assert outcome.best_epoch == 2
    work.load_best()
    assert fixed() == 8


def test_a_schedule_that_ends_behind_the_training_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="before update 12, .* ends after 12 updates") as error:
        trainer(tmp_path / "run", Q.INQ(4, [3, 12])).run()
    assert "below 12" in error.value.help


def test_a_training_too_short_for_the_portions_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="4 portions, but the training has 3 updates"):
        trainer(tmp_path / "run", Q.INQ(4), epochs=0.5).run()


def test_a_schedule_that_ends_long_before_the_training_is_told():
    _, y = layer(Q.INQ(4, "1+2"))
    args = y.parent.info.args
    assert "fixed all weights before update 2 of 100" in Q.INQ.check_training(args, 100)
    assert Q.INQ.check_training(args, 3) is None


def test_a_loop_of_ones_own_must_say_when():
    w, y = layer(Q.INQ(4))
    solver = Quantized(S.Sgd(0.1))
    solver.set_parameters({"W": w})
    F.sum(y).forward()
    with pytest.raises(CompressError, match="neither its iterations nor how long"):
        solver.update()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 1}, "bits is 1, it takes 2 to 8"),
        ({"bits": 9}, "bits is 9"),
        ({"iterations": [5, 3]}, r"iterations is \[5, 3\]"),
        ({"iterations": [-1]}, "iterations is"),
        ({"iterations": "3+x"}, "iterations is '3"),
        ({"iterations": []}, "iterations is"),
        ({"selection": "smallest"}, "selection"),
    ],
)
def test_options_out_of_range_are_refused_with_a_way_out(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        Q.INQ(**options)
    assert error.value.help
