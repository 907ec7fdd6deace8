# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The LUT-Q solver: k-means after the update, and otherwise the solver that it wraps."""

from __future__ import annotations

import copy
import gc
import os
import sys

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.parametric_functions as CPF
import nnabla_compress.quantizers as Q
import nnabla_compress.solvers as CS
from nnabla_compress.errors import ConfigError, TrainingError

SOLVERS = {
    "Sgd": lambda: S.Sgd(0.1),
    "Momentum": lambda: S.Momentum(0.05, 0.9),
    "Nesterov": lambda: S.Nesterov(0.05, 0.9),
    "Adam": lambda: S.Adam(0.01),
    "AdamW": lambda: S.AdamW(0.01, wd=0.01),
    "AMSGRAD": lambda: S.AMSGRAD(0.01),
    "RMSprop": lambda: S.RMSprop(0.01),
    "Adagrad": lambda: S.Adagrad(0.05),
    "Adadelta": lambda: S.Adadelta(1.0),
    "Lars": lambda: S.Lars(0.1, 0.9),
    "Lamb": lambda: S.Lamb(0.01),
    "Lion": lambda: S.Lion(0.001),
}
every_solver = pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS.keys())
both_modes = pytest.mark.parametrize("auto_forward", [False, True], ids=["static", "auto-forward"])
LAYERS = {"c1/conv": 2, "fc/affine": 3}  # scope: bits


def network(x):
    h = CPF.lutq_convolution(x, 4, (3, 3), bits=LAYERS["c1/conv"], name="c1")
    return CPF.lutq_affine(F.tanh(h), 3, bits=LAYERS["fc/affine"], name="fc")


def loss_of(x, t):
    return F.mean(F.squared_error(network(x), t))


def inputs(rng):
    x, t = nn.Variable((8, 2, 5, 5)), nn.Variable((8, 3))
    x.d, t.d = rng.randn(*x.shape), rng.randn(*t.shape)
    return x, t


def lut_state():
    """Copies of W, dictionary and assignments by layer."""
    parameters = nn.get_parameters(grad_only=False)
    names = ("W", "lut/dictionary", "lut/assignments")
    return {k: tuple(parameters[f"{k}/{n}"].d.copy() for n in names) for k in LAYERS}


def assert_one_step(before, after, reference_step, steps=1):
    """The dictionary follows from the one before and the new W by reference steps."""
    for layer in LAYERS:
        dictionary = before[layer][1]
        for _ in range(steps):
            codes, means = reference_step(after[layer][0], dictionary)
            dictionary = means.astype(np.float32)
        np.testing.assert_array_equal(after[layer][2], codes)
        np.testing.assert_allclose(after[layer][1], dictionary, rtol=1e-5, atol=1e-7)
        assert not np.array_equal(before[layer][0], after[layer][0])


def train(solver, x, t, iterations, auto_forward=False, each=lambda: None):
    """Trains as NNabla's examples do; calls ``each`` before and after every update."""
    if auto_forward:
        with nn.auto_forward():
            loss_of(x, t)
    else:
        loss = loss_of(x, t)
        loss.forward()
    solver.set_parameters(nn.get_parameters(), reset=False, retain_state=True)
    losses = []
    for _ in range(iterations):
        with nn.auto_forward(auto_forward):
            if auto_forward:
                loss = loss_of(x, t)
            else:
                loss.forward(clear_no_need_grad=True)
            solver.zero_grad()
            loss.backward(clear_buffer=True)
            each()
            solver.update()
            each()
        losses.append(float(loss.d))
    return losses


@both_modes
@every_solver
def test_after_update_the_dictionary_is_one_reference_step_of_the_updated_weight(
    make, auto_forward, rng, reference_step
):
    x, t = inputs(rng)
    states = []
    train(CS.LUTQ(make()), x, t, 4, auto_forward, lambda: states.append(lut_state()))
    assert len(states) == 8
    for before, after in zip(states[::2], states[1::2]):
        assert_one_step(before, after, reference_step)


def test_several_steps_are_as_many_reference_steps(rng, reference_step):
    x, t = inputs(rng)
    states = []
    train(CS.LUTQ(S.Sgd(0.5), steps=3), x, t, 2, each=lambda: states.append(lut_state()))
    assert_one_step(states[0], states[1], reference_step, steps=3)
    assert_one_step(states[2], states[3], reference_step, steps=3)


@both_modes
def test_the_weights_of_the_network_have_no_more_values_than_the_dictionary(auto_forward, rng):
    x, t = inputs(rng)
    train(CS.LUTQ(S.Momentum(0.05)), x, t, 5, auto_forward)
    for node in Q.graph_quantizers([network(x)]):
        q = node.outputs[0]
        q.forward()
        assert len(np.unique(q.d)) <= 2 ** LAYERS[node.info.args["name"]]
        assert len(np.unique(node.inputs[0].d)) > 2 ** LAYERS[node.info.args["name"]]


def test_static_and_auto_forward_training_end_at_the_same_bits(rng):
    x, t = inputs(rng)
    network(x)
    start = {k: v.d.copy() for k, v in nn.get_parameters().items()}
    ends = []
    for auto_forward in (False, True):
        nn.clear_parameters()
        network(x)
        for name, values in start.items():
            nn.get_parameters()[name].d = values
        train(CS.LUTQ(S.Adam(0.01)), x, t, 5, auto_forward)
        ends.append(lut_state())
    for layer in LAYERS:
        for a, b in zip(ends[0][layer], ends[1][layer]):
            assert a.tobytes() == b.tobytes()


def test_training_fits_better_than_quantizing_a_trained_network(rng):
    x, t = nn.Variable((64, 10)), nn.Variable((64, 4))
    x.d = rng.randn(64, 10)
    t.d = np.tanh(x.d.dot(rng.randn(10, 4)))

    def loss_with(apply_w):
        h = F.tanh(PF.affine(x, 16, apply_w=apply_w, name="a", rng=rng))
        return F.mean(F.squared_error(PF.affine(h, 4, apply_w=apply_w, name="b", rng=rng), t))

    def fit(loss, solver):
        loss.forward()
        solver.set_parameters(nn.get_parameters())
        losses = []
        for _ in range(150):
            loss.forward()
            losses.append(float(loss.d))
            solver.zero_grad()
            loss.backward()
            solver.update()
        return losses

    assert min(fit(loss_with(None), S.Adam(0.03))) < 0.05
    losses = fit(loss_with(Q.LUT(dictionary="ternary")), CS.LUTQ(S.Adam(0.005)))
    assert min(losses) < 0.8 * losses[0]  # the first is that of the network quantized as it is


@every_solver
def test_the_float_weights_move_as_the_wrapped_solver_alone_moves_them(make, rng):
    x = nn.Variable((1, 6))
    y = CPF.lutq_affine(x, 5, bits=2, with_bias=False, name="a")
    wrapped = nn.get_parameters()["a/affine/W"]
    alone = nn.Variable.from_numpy_array(wrapped.d.copy()).apply(need_grad=True)
    y.forward()
    ours, theirs = CS.LUTQ(make()), make()
    ours.set_parameters({"W": wrapped})
    theirs.set_parameters({"W": alone})
    for _ in range(3):
        gradient = rng.randn(6, 5)
        for solver, weight in ((ours, wrapped), (theirs, alone)):
            weight.g = gradient
            solver.weight_decay(1e-2)
            solver.clip_grad_by_norm(2.0)
            solver.scale_grad(0.5)
            solver.update()
        np.testing.assert_array_equal(wrapped.d, alone.d)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "1", True, None])
def test_steps_below_one_are_refused(steps):
    with pytest.raises(ConfigError, match="steps is"):
        CS.LUTQ(S.Sgd(0.1), steps=steps)


def test_a_weight_shared_by_layers_and_graphs_gets_one_step_an_update(rng, reference_step):
    x = nn.Variable((4, 6))
    x.d = rng.randn(4, 6)
    h = CPF.lutq_affine(x, 6, bits=2, name="a")
    y = CPF.lutq_affine(F.tanh(h), 6, bits=2, name="a")
    test_graph = CPF.lutq_affine(x, 6, bits=2, name="a")
    loss = F.sum(y**2)
    solver = CS.LUTQ(S.Sgd(0.05))
    solver.set_parameters(nn.get_parameters())
    loss.forward()
    parameters = nn.get_parameters(grad_only=False)
    before = parameters["a/affine/lut/dictionary"].d.copy()
    solver.zero_grad()
    loss.backward()
    solver.update()
    codes, means = reference_step(parameters["a/affine/W"].d, before)
    np.testing.assert_allclose(parameters["a/affine/lut/dictionary"].d, means, rtol=1e-5)
    np.testing.assert_array_equal(parameters["a/affine/lut/assignments"].d, codes)
    assert len(solver.functions()) == 1
    del test_graph


def test_pruning_and_dictionaries_are_followed_side_by_side(rng):
    x = nn.Variable((4, 6))
    x.d = rng.randn(4, 6)
    h = PF.affine(x, 8, apply_w=Q.Prune(0.5), name="p")
    y = F.sum(PF.affine(h, 8, apply_w=Q.LUT(bits=2), name="l") ** 2)
    y.forward()
    solver = CS.LUTQ(S.Sgd(0.01))
    solver.set_parameters(nn.get_parameters())
    weight = nn.get_parameters()["p/affine/W"]
    weight.d = rng.randn(6, 8)
    solver.zero_grad()
    solver.update()
    smallest = np.sort(np.abs(weight.d), axis=None)[23]
    mask = nn.get_parameters(grad_only=False)["p/affine/prune/mask"].d
    np.testing.assert_array_equal(mask, np.abs(weight.d) > smallest)


# -- it is a solver ------------------------------------------------------------------------------


def pair(make):
    """A LUTQ and a plain solver on equal weights: both get the same calls."""
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, bits=2, with_bias=False, name="a")
    y.forward()
    ours = nn.get_parameters()["a/affine/W"]
    theirs = nn.Variable.from_numpy_array(ours.d.copy()).apply(need_grad=True)
    return y, (CS.LUTQ(make()), ours), (make(), theirs)


def test_set_parameters_resets_adds_and_retains_state_as_the_plain_solver_does():
    y, *both = pair(lambda: S.Momentum(0.1, 0.9))
    for solver, weight in both:
        solver.set_parameters({"W": weight})
        weight.g = 1
        solver.update()
        extra = nn.Variable((2,), need_grad=True)
        extra.g = 0
        solver.set_parameters({"W": weight, "extra": extra}, reset=False, retain_state=True)
        assert sorted(solver.get_parameters()) == ["W", "extra"]
        solver.update()
        solver.set_parameters({"W": weight})
        assert sorted(solver.get_parameters()) == ["W"]
        solver.update()
    np.testing.assert_array_equal(both[0][1].d, both[1][1].d)


def test_a_layer_that_is_removed_is_no_longer_updated_nor_followed(rng):
    x, t = inputs(rng)
    loss = loss_of(x, t)
    loss.forward()
    solver = CS.LUTQ(S.Sgd(0.1))
    solver.set_parameters(nn.get_parameters())
    assert [f.args["name"] for f in solver.functions()] == ["c1/conv", "fc/affine"]
    solver.remove_parameters(["c1/conv/W"])
    assert "c1/conv/W" not in solver.get_parameters()
    assert [f.args["name"] for f in solver.functions()] == ["fc/affine"]
    before = lut_state()
    loss.forward()
    solver.zero_grad()
    loss.backward()
    solver.update()
    after = lut_state()
    for a, b in zip(before["c1/conv"], after["c1/conv"]):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(before["fc/affine"][1], after["fc/affine"][1])
    solver.clear_parameters()
    assert solver.get_parameters() == {} and solver.functions() == []


def test_parameters_set_before_wrapping_are_followed():
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, bits=2, name="a")
    plain = S.Sgd(0.1)
    plain.set_parameters(nn.get_parameters())
    assert len(CS.LUTQ(plain).functions()) == 1
    del y


def test_hooks_are_called_for_every_parameter():
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, bits=2, name="a")
    y.forward()
    solver = CS.LUTQ(S.Sgd(0.1))
    solver.set_parameters(nn.get_parameters())
    for parameter in nn.get_parameters().values():
        parameter.g = 1
    calls = []
    solver.update(lambda: calls.append("before"), lambda: calls.append("after"))
    assert calls == ["before", "after"] * 2
    calls.clear()
    solver.weight_decay(0.1, pre_hook=lambda: calls.append(1), post_hook=lambda: calls.append(2))
    assert calls == [1, 2] * 2


def test_learning_rate_name_and_gradient_checks_are_the_solvers():
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, bits=2, name="a")
    y.forward()
    plain = S.Momentum(0.25, 0.9)
    solver = CS.LUTQ(plain)
    assert solver.solver is plain
    assert solver.name == "LUTQMomentum"
    assert solver.learning_rate() == 0.25
    solver.set_learning_rate(0.5)
    assert plain.learning_rate() == 0.5
    solver.set_parameters(nn.get_parameters())
    solver.zero_grad()
    assert not solver.check_inf_or_nan_grad()
    nn.get_parameters()["a/affine/b"].g = np.nan
    assert solver.check_inf_or_nan_grad() and solver.check_nan_grad()
    assert not solver.check_inf_grad()


def test_all_public_methods_of_the_wrapped_solver_are_there():
    plain = S.Adam(0.1)
    solver = CS.LUTQ(plain)
    for name in dir(plain):
        if not name.startswith("_"):
            assert getattr(solver, name) is not None
    with pytest.raises(AttributeError, match="no_such_method"):
        solver.no_such_method()
    assert copy.copy(solver).name == "LUTQAdam"


@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_training_goes_on_the_same_from_saved_parameters_and_states(ending, tmp_path, rng):
    x, t = inputs(rng)
    solver = CS.LUTQ(S.Adam(0.01))
    train(solver, x, t, 3)
    nn.save_parameters(str(tmp_path / f"parameters.{ending}"))
    solver.save_states(str(tmp_path / f"states.{ending}"))
    train(solver, x, t, 3)
    expected = lut_state()
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / f"parameters.{ending}"))
    loss = loss_of(x, t)
    solver = CS.LUTQ(S.Adam(0.01))
    solver.set_parameters(nn.get_parameters())
    solver.load_states(str(tmp_path / f"states.{ending}"))
    train(solver, x, t, 3)
    for layer, arrays in lut_state().items():
        for values, wanted in zip(arrays, expected[layer]):
            assert values.tobytes() == wanted.astype(values.dtype).tobytes()
    del loss


# -- errors and memory ---------------------------------------------------------------------------


def test_a_network_without_quantizers_is_an_error_that_says_what_to_do():
    y = PF.affine(nn.Variable((1, 4)), 3, name="a")
    y.forward()
    solver = CS.LUTQ(S.Sgd(0.1))
    solver.set_parameters(nn.get_parameters())
    solver.zero_grad()
    with pytest.raises(ConfigError, match="none of the 2 parameters") as caught:
        solver.update()
    assert "lutq_" in caught.value.help


def test_a_graph_that_is_gone_is_an_error():
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, name="a")
    y.forward()
    solver = CS.LUTQ(S.Sgd(0.1))
    solver.set_parameters(nn.get_parameters())
    solver.zero_grad()
    solver.update()
    del y
    gc.collect()
    with pytest.raises(ConfigError, match="keep its output variable alive|none of the 2"):
        solver.update()


def test_a_gradient_of_nan_is_reported_with_the_layer():
    y = CPF.lutq_affine(nn.Variable((1, 4)), 3, name="a")
    y.forward()
    solver = CS.LUTQ(S.Sgd(0.1))
    solver.set_parameters(nn.get_parameters())
    solver.zero_grad()
    nn.get_parameters()["a/affine/W"].g = np.nan
    with pytest.raises(TrainingError, match="12 of 12 weights of layer a/affine"):
        solver.update()


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@both_modes
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_stays_flat_over_hundreds_of_steps(auto_forward, rng):
    x = nn.Variable((1, 256))
    x.d = rng.randn(1, 256)

    def build():
        return F.sum(CPF.lutq_affine(x, 256, bits=4, name="a") ** 2)  # 256 kB of weights

    solver = CS.LUTQ(S.Momentum(1e-5))
    loss = build()
    solver.set_parameters(nn.get_parameters())

    def step():
        nonlocal loss
        with nn.auto_forward(auto_forward):
            loss = build() if auto_forward else loss
            loss.forward()
            solver.zero_grad()
            loss.backward(clear_buffer=True)
            solver.update()

    for _ in range(40):
        step()
    gc.collect()
    size, blocks = resident_bytes(), sys.getallocatedblocks()
    for _ in range(200):
        step()
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 200  # less than one Python object a step
    assert resident_bytes() - size < 16 << 20  # one tensor a step would be 52 MB
    assert len(Q.living_functions(nn.get_parameters().values())) == 1


def test_steps_learned_in_a_script_get_the_bounds_of_their_gradients():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.float32([[100.0, -50.0]]))
    y = CPF.dq_affine(x, 3, bits=3, with_bias=False, name="fc")
    loss = F.sum(y**2)
    parameters = nn.get_parameters()
    step = next(v for name, v in parameters.items() if name.endswith("/d"))
    solver = CS.Quantized(S.Sgd(1.0))
    solver.set_parameters({"d": step})
    loss.forward()
    solver.zero_grad()
    loss.backward()
    before = step.d.copy()
    assert abs(step.grad.data) > before
    solver.update()
    assert abs(step.grad.data) <= before


def test_what_is_no_solver_is_refused():
    with pytest.raises(ConfigError, match="'Adam' is no solver"):
        CS.Quantized("Adam")


def test_unit_norm_moves_along_the_sphere_as_far_as_the_gradient_along_it():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(8, 4))
    loss = F.mean(PF.affine(F.relu(PF.affine(x, 6, name="a")), 1, name="b") ** 2)
    weight = nn.get_parameters()["a/affine/W"]
    weight.d /= np.linalg.norm(weight.d, axis=0)
    before = weight.d.copy()
    solver = CS.UnitNorm(S.Sgd(0.1), {"a/affine/W": 1}, {"a/affine/b": 0.001})
    solver.set_parameters(nn.get_parameters())
    solver.zero_grad()
    loss.forward()
    loss.backward()
    gradient = weight.g.copy()
    along = gradient - (gradient * before).sum(axis=0) * before
    solver.update()
    moved = before - 0.1 * along
    np.testing.assert_allclose(weight.d, moved / np.linalg.norm(moved, axis=0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(weight.d, axis=0), 1, atol=1e-6)
    assert np.abs(nn.get_parameters()["a/affine/b"].d).max() <= 0.001 + 1e-9


def test_unit_norm_lets_quantizers_follow_what_it_updates():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(8, 4))
    loss = F.mean(CPF.lutq_affine(F.relu(PF.affine(x, 6, name="a")), 4, bits=2, name="b") ** 2)
    solver = CS.UnitNorm(S.Sgd(0.1), {"a/affine/W": 1})
    solver.set_parameters(nn.get_parameters())
    for _ in range(3):
        solver.zero_grad()
        loss.forward()
        loss.backward()
        solver.update()
    assert len(solver.functions()) == 1
    np.testing.assert_allclose(np.linalg.norm(nn.get_parameters()["a/affine/W"].d, axis=0), 1, 1e-5)


def test_unit_norm_refuses_no_weights_and_such_as_the_solver_has_not():
    with pytest.raises(ConfigError, match="no weights are named"):
        CS.UnitNorm(S.Sgd(0.1), {})
    solver = CS.UnitNorm(S.Sgd(0.1), {"c/affine/W": 1})
    nn.clear_parameters()
    PF.affine(nn.Variable((1, 2)), 2, name="a")
    solver.set_parameters(nn.get_parameters())
    with pytest.raises(ConfigError, match="no parameter 'c/affine/W'"):
        solver.update()
