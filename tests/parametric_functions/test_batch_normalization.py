# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The power-of-two batch normalization layer beside NNabla's layer."""

from __future__ import annotations

import inspect

import nnabla as nn
import nnabla.functions as F
import nnabla.initializer as I
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.parametric_functions as CPF
from nnabla_compress.errors import ConfigError


def signature(function):
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def test_the_arguments_are_those_of_the_twin():
    assert signature(CPF.pow2_batch_normalization) == signature(PF.batch_normalization)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"no_scale": True},
        {"no_bias": True},
        {"no_scale": True, "no_bias": True},
        {"axes": [3]},
        {"axes": [-1]},
        {"axes": [1, 2]},
        {"fix_parameters": True},
        {"batch_stat": False},
    ],
    ids=str,
)
def test_parameters_have_the_names_shapes_and_need_of_gradients_of_the_twin(options):
    x = nn.Variable((2, 3, 4, 5))
    found = []
    for layer in (PF.batch_normalization, CPF.pow2_batch_normalization):
        nn.clear_parameters()
        layer(x, name="bn1", **options)
        parameters = nn.get_parameters(grad_only=False)
        found.append({k: (v.shape, v.need_grad, v.d.tolist()) for k, v in parameters.items()})
    assert found[0] == found[1]
    assert all(name.startswith("bn1/bn/") for name in found[1])


def test_initializers_are_taken_by_name():
    values = {"beta": 1, "gamma": 2, "mean": 3, "var": 4}
    init = {k: I.ConstantInitializer(v) for k, v in values.items()}
    CPF.pow2_batch_normalization(nn.Variable((2, 3)), param_init=init, name="a")
    for name, value in values.items():
        variable = nn.get_parameters(grad_only=False)[f"a/bn/{name}"]
        assert variable.d.tolist() == [[value] * 3]


def test_where_the_scale_is_a_power_of_two_already_it_computes_what_the_twin_does(rng):
    x = nn.Variable((8, 3, 4, 4))
    x.d = rng.randn(*x.shape)
    theirs = PF.batch_normalization(x, batch_stat=False, eps=0, name="a")
    parameters = nn.get_parameters(grad_only=False)
    parameters["a/bn/var"].d = np.float32([4, 0.25, 16]).reshape(1, 3, 1, 1)
    parameters["a/bn/gamma"].d = np.float32([-1, 2, 8]).reshape(1, 3, 1, 1)
    parameters["a/bn/mean"].d = np.float32([0.5, -1, 2]).reshape(1, 3, 1, 1)
    ours = CPF.pow2_batch_normalization(x, batch_stat=False, eps=0, name="a")
    nn.forward_all([ours, theirs])
    np.testing.assert_allclose(ours.d, theirs.d, rtol=1e-5, atol=1e-6)
    assert len(nn.get_parameters(grad_only=False)) == 4


@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_parameters_move_from_the_float_layer_by_name(ending, tmp_path, rng):
    x = nn.Variable((8, 3))
    x.d = rng.randn(8, 3) * 3 + 1
    PF.batch_normalization(x, name="a").forward()
    mean = nn.get_parameters(grad_only=False)["a/bn/mean"].d.copy()
    nn.save_parameters(str(tmp_path / f"float.{ending}"))
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / f"float.{ending}"))
    y = CPF.pow2_batch_normalization(x, name="a")
    y.forward()
    moved = nn.get_parameters(grad_only=False)["a/bn/mean"].d
    np.testing.assert_allclose(moved, 0.9 * mean + 0.1 * x.d.mean(axis=0), rtol=1e-5)


def test_given_out_statistics_have_the_shape_of_the_twins():
    outputs = CPF.pow2_batch_normalization(nn.Variable((2, 3, 4, 5)), output_stat=True)
    assert [out.shape for out in outputs] == [(2, 3, 4, 5), (1, 3, 1, 1), (1, 3, 1, 1)]


def test_an_axis_that_the_input_lacks_is_refused():
    with pytest.raises(ConfigError, match=r"axes is \[4\]"):
        CPF.pow2_batch_normalization(nn.Variable((2, 3)), axes=[4])


@pytest.mark.parametrize("auto_forward", [False, True])
def test_a_network_with_it_trains(auto_forward, rng):
    x, t = nn.Variable((32, 6)), nn.Variable((32, 2))
    x.d = rng.randn(32, 6) * 5 + 3
    t.d = np.tanh(x.d[:, :2] - 3)
    solver, losses = S.Adam(0.03), []

    def build():
        h = CPF.pow2_batch_normalization(PF.affine(x, 8, name="a"), name="bn")
        return F.mean(F.squared_error(PF.affine(F.tanh(h), 2, name="b"), t))

    loss = build()
    solver.set_parameters(nn.get_parameters())
    for _ in range(60):
        with nn.auto_forward(auto_forward):
            if auto_forward:
                loss = build()
            else:
                loss.forward(clear_no_need_grad=True)
            solver.zero_grad()
            loss.backward(clear_buffer=True)
            solver.update()
        losses.append(float(loss.d))
    assert losses[-1] < 0.4 * losses[0]
