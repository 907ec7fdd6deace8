# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Power-of-two quantizers: gradients against the paper's equations, encoding, lowering, region."""

from __future__ import annotations

import math
from contextlib import nullcontext

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.quantizers import graph_quantizers, prepare, quantizer_of
from nnabla_compress.quantizers.base import QuantizerFunction
from nnabla_compress.quantizers.pow2 import Pow2
from tests.properties import examples

LEARN = ["qmin_qmax", "b_qmax", "b_qmin", "qmax", None]


@pytest.fixture(autouse=True)
def no_parameters():
    nn.clear_parameters()
    yield
    nn.clear_parameters()


def node(quantizer, x, **parameters):
    """The quantized parameter W = x with the quantizer's parameters set."""
    with nn.parameter_scope("layer"):
        W = nn.parameter.get_parameter_or_create("W", x.shape, x)
        y = quantizer(W)
    for name, value in parameters.items():
        nn.get_parameters(grad_only=False)[f"layer/pow2/{name}"].d = value
    return W, y


def backward(y, dy):
    """Forward and backward; the gradients of all parameters by their last name."""
    y.forward()
    parameters = nn.get_parameters()
    for variable in parameters.values():
        variable.g = 0
    y.backward(dy)
    return {key.split("/")[-1]: variable.g.copy() for key, variable in parameters.items()}


def paper(learn, x, dy, M, q_max, signed, zero):
    """The equations of the paper's power-of-two table in float64."""
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    q_min = q_max / 2 ** (2**M - 1)
    size = np.abs(x) if signed else np.maximum(x, 0)
    with np.errstate(divide="ignore"):
        power = 2 ** np.floor(0.5 + np.log2(size))
    low, high = size <= q_min, size > q_max
    middle = ~low & ~high
    if zero:
        low = low & (power >= q_min)
    s = np.where(x >= 0, 1.0, -1.0 if signed else 0.0)
    steep = math.log(2) ** 2 * 2**M
    by = {
        "qmin_qmax": {"q_min": s * low, "q_max": s * high},
        "b_qmax": {
            "b": -s * steep * q_min * low,
            "q_max": s * 2.0 ** -(2**M - 1) * low + s * high,
        },
        "b_qmin": {"b": s * steep * q_max * high, "q_min": s * low + s * 2 ** (2**M - 1) * high},
        "qmax": {"q_max": s * 2.0 ** -(2**M - 1) * low + s * high},
        None: {},
    }[learn]
    gradients = {name: (dy * value).sum() for name, value in by.items()}
    gradients["W"] = np.where(middle, dy * power / np.where(middle, size, 1), 0)
    return gradients


@pytest.mark.parametrize("composite", [False, True])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("learn", LEARN)
def test_gradients_are_those_of_the_paper(learn, signed, zero, composite, monkeypatch):
    monkeypatch.setattr(QuantizerFunction, "on_cpu", not composite)
    rng = np.random.RandomState(0)
    x, dy = (rng.randn(40, 30).astype(np.float32) for _ in range(2))
    x[0, :5] = 0
    M, q_max = 2, 1.0
    bits = M + int(signed) + int(zero)
    values = {"b": bits, "q_max": q_max, "q_min": q_max / 8}
    W, y = node(
        Pow2(bits=bits, signed=signed, zero=zero, learn=learn),
        x,
        **{name: values[name] for name in Pow2.parameters[learn]},
    )
    with pytest.warns(UserWarning, match="negative") if not signed else nullcontext():
        got = backward(y, dy)
    want = paper(learn, x, dy, M, q_max, signed, zero)
    assert set(got) == set(want)
    np.testing.assert_allclose(got.pop("W"), want.pop("W"), rtol=1e-6)
    for name in want:
        np.testing.assert_allclose(got[name], [want[name]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("composite", [False, True])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_no_gradient_is_nan_at_zero(signed, zero, composite, monkeypatch):
    monkeypatch.setattr(QuantizerFunction, "on_cpu", not composite)
    W, y = node(Pow2(signed=signed, zero=zero), np.zeros(5, np.float32), q_min=0.25, q_max=1.0)
    for gradient in backward(y, 1.0).values():
        assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(y.d, 0 if zero else 0.25)


@examples(100)
@given(
    st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(-12, 6), st.integers(-1, 1)), max_size=20),
    st.sampled_from(LEARN),
    st.booleans(),
    st.booleans(),
    st.integers(0, 6),
    st.integers(-12, 0),
    st.integers(0, 12),
)
@pytest.mark.filterwarnings("ignore:Pow2")
def test_encoding_and_lowering_equal_the_forward_pass_bit_for_bit(
    values, boundaries, learn, signed, zero, exponent_bits, bottom, span
):
    nn.clear_parameters()
    edges = [
        (np.float32(math.sqrt(2) * 2.0**k).view(np.int32) + np.int32(ulp)).view(np.float32)
        for k, ulp in boundaries
    ]
    x = np.array([*values, *edges, *(-e for e in edges), 0, -0.0], np.float32)
    bits = max(exponent_bits + int(signed) + int(zero), 1)
    quantizer = Pow2(bits=bits, signed=signed, zero=zero, learn=learn)
    parameters = {"q_min": 2.0**bottom * 1.3, "q_max": 2.0 ** (bottom + span), "b": bits - 0.3}
    W, y = node(quantizer, x, **{name: parameters[name] for name in Pow2.parameters[learn]})
    y.forward()
    function = graph_quantizers([y])[0]
    encoding = Pow2.encode(function)
    assert encoding.decode().tobytes() == y.d.tobytes()
    assert encoding.bits == Pow2.bits_of(function.info.args, function.inputs) <= 8
    assert len(encoding.dictionary) <= 2**encoding.bits
    lowered = Pow2.lower(function, function.inputs)
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, y.d)


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.filterwarnings("ignore:Pow2")
def test_the_lowered_graph_has_the_gradient_of_the_quantizer_and_only_runtime_functions(
    signed, zero
):
    x = np.array([-9, -4, -0.3, -0.1, 0, 0.01, 0.25, 0.26, 1.4, 1.5, 4, 4.01, 9], np.float32)
    quantizer = Pow2(signed=signed, zero=zero)
    W, y = node(quantizer, x, q_min=0.25, q_max=4.0)
    lowered = Pow2.lower(y.parent, y.parent.inputs)
    dy = np.arange(1, 14, dtype=np.float32)
    want = backward(y, dy)["W"]
    np.testing.assert_allclose(backward(lowered, dy)["W"], want, rtol=1e-6)
    found = []
    lowered.visit(lambda function: found.append(function.info.type_name))
    assert set(found) <= set(
        "ReLU Abs Sign Identity Mul2 Div2 AddScalar MulScalar MaximumScalar MinimumScalar".split()
    )


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.filterwarnings("ignore:Pow2")
def test_composite_and_kernels_agree_in_values(signed, zero, monkeypatch):
    x = np.random.RandomState(2).randn(500).astype(np.float32)
    W, y = node(Pow2(signed=signed, zero=zero), x, q_min=0.125, q_max=1.0)
    y.forward()
    kernel = y.d.copy()
    monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    y.forward()
    np.testing.assert_array_equal(y.d, kernel)


def test_codes_hold_exponent_sign_and_zero_in_plain_bits():
    x = np.array([0.25, 0.5, 1, 2, -0.25, -2, 0.1, 9], np.float32)
    W, y = node(Pow2(bits=4, zero=True), x, q_min=0.25, q_max=2.0)
    encoding = Pow2.encode(y.parent)
    assert encoding.codes.tolist() == [0, 1, 2, 3, 4, 7, 8, 3]
    assert encoding.bits == 4


@examples(60)
@given(
    st.sampled_from(LEARN),
    st.booleans(),
    st.booleans(),
    st.tuples(*[st.floats(-(2.0**100), 2.0**100, width=32)] * 3),
    st.tuples(st.integers(2, 8), st.integers(2, 8)),
)
@pytest.mark.filterwarnings("ignore:Pow2")
def test_any_parameters_are_moved_into_the_valid_region_once_and_for_all(
    learn, signed, zero, wild, limits
):
    nn.clear_parameters()
    most = 6 + int(signed) + int(zero)
    low, high = sorted(min(limit, most) for limit in limits)
    quantizer = Pow2(bits=low, signed=signed, zero=zero, learn=learn, min_bits=low, max_bits=high)
    values = dict(zip(("q_min", "q_max", "b"), wild))
    x = np.linspace(-1, 1, 11, dtype=np.float32)
    W, y = node(quantizer, x, **{name: values[name] for name in Pow2.parameters[learn]})
    y.forward()
    assert np.isfinite(y.d).all()
    levels = Pow2.settle(y.parent.info.args, y.parent.inputs)
    assert low <= levels.bits <= high
    assert 2.0**-60 <= levels.q_min <= levels.q_max <= 2.0**60
    first = y.d.copy()
    y.forward()
    np.testing.assert_array_equal(y.d, first)
    assert Pow2.settle(y.parent.info.args, y.parent.inputs) == levels


@pytest.mark.parametrize("learn", LEARN[:-1])
def test_a_wild_solver_step_does_not_leave_the_valid_region(learn):
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(8, 6).astype(np.float32))
    h = PF.affine(x, 5, apply_w=Pow2(learn=learn), name="fc")
    with nn.parameter_scope("a"):
        h = Pow2(signed=False, learn=learn)(F.relu(h))
    loss = F.mean(h**2) * 100
    solver = S.Sgd(1e4)
    solver.set_parameters({k: v for k, v in nn.get_parameters().items() if "pow2" in k})
    for _ in range(5):
        loss.forward()
        solver.zero_grad()
        loss.backward()
        solver.update()
        for function in graph_quantizers([loss]):
            args, inputs = function.info.args, function.inputs
            Pow2.after_update(args, inputs, 1)
            values = [variable.d for variable in inputs[1:]]
            assert all(np.isfinite(v).all() and (v > 0).all() for v in values)
            assert args["min_bits"] <= Pow2.bits_of(args, inputs) <= 8


def test_the_bits_variable_is_whole_and_has_the_gradient_of_the_formula():
    W, y = node(Pow2(), np.ones(3, np.float32), q_min=0.25, q_max=4.0)  # 5 magnitudes
    bits = Pow2.bits_variable(y.parent)
    got = backward(bits, 2.0)
    assert bits.d.tolist() == [math.ceil(math.log2(5) + 1)] == [4]
    np.testing.assert_allclose(got["q_max"], 2 / (math.log(2) ** 2 * 5 * 4), rtol=1e-6)
    np.testing.assert_allclose(got["q_min"], -2 / (math.log(2) ** 2 * 5 * 0.25), rtol=1e-6)


def test_an_extra_bit_codes_exact_zero():
    x = np.array([0.0, 0.02, 0.3, 1.0], np.float32)
    W, y = node(Pow2(bits=4, signed=False), x)
    y.forward()
    args, inputs = y.parent.info.args, y.parent.inputs
    levels = Pow2.settle(args, inputs)
    assert args["zero"] is True and levels.exponent_bits == 3 and levels.bits == 4
    assert levels.q_max / levels.q_min == 2**7
    np.testing.assert_array_equal(y.d, [0, 2**-6, 0.25, 1])


def test_the_range_starts_from_the_tensor():
    x = np.random.RandomState(0).randn(5000).astype(np.float32)
    W, y = node(Pow2(), x)
    prepare([y])
    parameters = nn.get_parameters()
    assert parameters["layer/pow2/q_max"].d == 4 and parameters["layer/pow2/q_min"].d == 2**-5
    nn.clear_parameters()
    W, y = node(Pow2(initial_q_max=16.0), x)
    prepare([y])
    assert nn.get_parameters()["layer/pow2/q_max"].d == 16


def test_saved_parameters_give_the_same_quantizer_also_in_auto_forward(tmp_path):
    x = np.random.RandomState(0).randn(50).astype(np.float32)
    W, y = node(Pow2(bits=3), x)
    prepare([y])
    nn.get_parameters()["layer/pow2/q_max"].d = 0.4
    y.forward()
    nn.save_parameters(str(tmp_path / "p.h5"))
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / "p.h5"))
    with nn.auto_forward():
        W, again = node(Pow2(bits=3), x)
        np.testing.assert_array_equal(again.d, y.d)


def test_an_all_zero_tensor_gives_a_valid_state_and_nan_is_refused():
    W, y = node(Pow2(zero=True), np.zeros(3, np.float32))
    y.forward()
    assert not y.d.any() and nn.get_parameters()["layer/pow2/q_max"].d == 1
    nn.clear_parameters()
    W, y = node(Pow2(), np.array([1, np.nan], np.float32))
    with pytest.raises(TrainingError, match="1 of 2 values of W in layer"):
        prepare([y])


@pytest.mark.parametrize("rate", [1, 0.5])
def test_before_an_update_the_range_is_bounded_by_q_min_and_slowed_down(rate):
    W, y = node(Pow2(rate=rate), np.full(100, 9, np.float32), q_min=0.25, q_max=1.0)
    backward(y, 1.0)
    Pow2.before_update(y.parent.info.args, y.parent.inputs)
    assert nn.get_parameters()["layer/pow2/q_max"].g == rate * 0.25


def test_a_node_describes_its_quantizer():
    quantizer = Pow2(bits=3, learn="b_qmax")
    W, y = node(quantizer, np.ones((2, 3), np.float32))
    assert quantizer_of(y.parent) is Pow2
    assert Pow2.of(y.parent.info.args) == quantizer


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 0}, "bits is 0, the range is 1 to 7"),
        ({"bits": 8}, "bits is 8, the range is 1 to 7"),
        ({"bits": 1, "zero": True}, "bits is 1, the range is 2 to 8"),
        ({"learn": "d_qmax"}, "learn is 'd_qmax'"),
        ({"initial_q_max": 0}, "initial_q_max is 0"),
    ],
)
def test_options_without_meaning_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Pow2(**options)
