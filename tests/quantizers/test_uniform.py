# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Uniform quantizers: gradients against the paper's equations, encoding, lowering, valid region."""

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

from nnabla_compress.errors import ConfigError, TrainingError, unwrap
from nnabla_compress.quantizers import graph_quantizers, prepare, quantizer_of
from nnabla_compress.quantizers.uniform import Uniform
from tests.properties import examples

LEARN = ["d_qmax", "b_d", "b_qmax", "qmax", None]


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
        nn.get_parameters(grad_only=False)[f"layer/uniform/{name}"].d = value
    return W, y


def backward(W, y, dy):
    """Forward and backward; the gradients of W and of the parameters by name."""
    y.forward()
    parameters = nn.get_parameters()
    for variable in parameters.values():
        variable.g = 0
    y.backward(dy)
    return {key.split("/")[-1]: variable.g.copy() for key, variable in parameters.items()}


def paper(learn, x, dy, b, d, signed):
    """The equations of the paper's uniform table in float64, at integer bits."""
    x, dy, d = x.astype(np.float64), dy.astype(np.float64), float(d)
    M = b - 1 if signed else b
    N = 2**M - 1
    q = float(np.float32(N) * np.float32(d))
    inside = np.abs(x) <= q if signed else (x > 0) & (x <= q)
    outside = np.abs(x) > q if signed else x > q
    e = np.where(inside, np.sign(x) * d * np.floor(np.abs(x) / d + 0.5) - x, 0)
    s = np.where(outside, np.sign(x), 0)
    by = {
        "d_qmax": {"d": e / d, "q_max": s},
        "b_d": {"b": s * 2**M * math.log(2) * d, "d": e / d + s * N},
        "b_qmax": {"b": -(2**M) * math.log(2) / N * e, "q_max": e / q + s},
        "qmax": {"q_max": e / q + s},
        None: {},
    }[learn]
    gradients = {name: (dy * value).sum() for name, value in by.items()}
    gradients["W"] = np.where(inside, dy, 0)
    return gradients


def settings_of(learn, b, d, signed):
    q_max = d * (2 ** (b - 1 if signed else b) - 1)
    values = {"d": d, "b": b, "q_max": q_max}
    return {name: values[name] for name in Uniform.parameters[learn]}


@pytest.mark.parametrize("composite", [False, True])
@pytest.mark.parametrize("step", ["real", "pow2"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("learn", LEARN)
def test_gradients_are_those_of_the_paper(learn, signed, step, composite, monkeypatch):
    if composite:
        from nnabla_compress.quantizers.base import QuantizerFunction

        monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    rng = np.random.RandomState(0)
    x, dy = (rng.randn(40, 30).astype(np.float32) for _ in range(2))
    x[0, :5] = 0
    b, d = 4, 0.125 if step == "pow2" else 0.11
    W, y = node(
        Uniform(bits=b, signed=signed, learn=learn, step=step, min_bits=2),
        x,
        **settings_of(learn, b, d, signed),
    )
    with pytest.warns(UserWarning, match="negative") if not signed else nullcontext():
        got = backward(W, y, dy)
    want = paper(learn, x, dy, b, np.float32(d), signed)
    np.testing.assert_array_equal(got.pop("W"), want.pop("W"))
    assert set(got) == set(want)
    for name in want:
        np.testing.assert_allclose(got[name], [want[name]], rtol=2e-4 if composite else 2e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("learn", ["b_d", "b_qmax", "qmax", None])
def test_channels_have_their_own_step_and_gradients(learn, axis):
    rng = np.random.RandomState(1)
    x, dy = (rng.randn(3, 4, 5).astype(np.float32) for _ in range(2))
    channels = x.shape[axis]
    d = np.linspace(0.05, 0.4, channels).astype(np.float32)
    parameters = settings_of(learn, 3, d, True)
    W, y = node(Uniform(bits=3, learn=learn, axis=axis), x, **parameters)
    got = backward(W, y, dy)
    bits = 0.0
    for c in range(channels):
        step = d[c] if "d" in parameters else np.float32(np.float64(np.float32(3 * d[c])) / 3)
        want = paper(learn, x.take(c, axis), dy.take(c, axis), 3, step, True)
        np.testing.assert_array_equal(got["W"].take(c, axis), want.pop("W"))
        bits += want.pop("b", 0.0)
        for name in want:
            np.testing.assert_allclose(got[name][c], want[name], rtol=1e-4, atol=1e-5)
    if "b" in got:
        np.testing.assert_allclose(got["b"], [bits], rtol=1e-4)
    encoding = Uniform.encode(graph_quantizers([y])[0])
    assert encoding.axis == axis and encoding.bits == 3
    assert encoding.decode().tobytes() == y.d.tobytes()


@examples(80)
@given(
    st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=30),
    st.lists(st.integers(-40, 40), max_size=20),
    st.sampled_from(LEARN),
    st.sampled_from(["real", "pow2"]),
    st.booleans(),
    st.integers(2, 9),
    st.floats(2.0**-7, 1, width=32),
    st.floats(2.0**-7, 8, width=32),
)
@pytest.mark.filterwarnings("ignore:Uniform")
def test_encoding_and_lowering_equal_the_forward_pass_bit_for_bit(
    values, ties, learn, step, signed, bits, d, q_max
):
    nn.clear_parameters()
    x = np.array(values + [np.float32(d) * np.float32(k / 2) for k in ties], np.float32)
    parameters = {"d": d, "q_max": q_max, "b": bits - 0.3}
    names = Uniform.parameters[learn]
    quantizer = Uniform(bits=bits, signed=signed, learn=learn, step=step)
    W, y = node(quantizer, x, **{name: parameters[name] for name in names})
    y.forward()
    function = graph_quantizers([y])[0]
    encoding = Uniform.encode(function)
    assert encoding.decode().tobytes() == y.d.tobytes()
    assert encoding.bits == Uniform.bits_of(function.info.args, function.inputs)
    assert len(encoding.pack()) == encoding.nbytes
    assert 2 <= encoding.bits + int(not signed) and encoding.bits <= max(8, bits)
    lowered = Uniform.lower(function, function.inputs)
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, y.d)
    assert Uniform.graph_type() not in _types(lowered)


def _types(y):
    found = []
    y.visit(lambda function: found.append(function.info.type_name))
    return found


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.filterwarnings("ignore:Uniform")
def test_the_lowered_graph_has_the_functions_and_gradient_of_the_quantizer(signed):
    d, N = np.float32(0.3), 7 if signed else 15
    end = d * np.float32(N)
    x = np.array([-9, -end, -0.2, 0, 0.1, 0.15, end, end * np.float32(1.01), 9], np.float32)
    W, y = node(Uniform(bits=4, signed=signed, learn=None), x, d=d)
    lowered = Uniform.lower(y.parent, y.parent.inputs)
    chain = ["MaximumScalar"] if signed else []
    chain = ["MulScalar", *chain, "MinimumScalar", "Round", "MulScalar"]
    assert _types(lowered) == (chain if signed else ["ReLU", *chain])
    dy = np.arange(1, 10, dtype=np.float32)
    grad = {}
    for output in (y, lowered):
        output.forward()
        W.g = 0
        output.backward(dy)
        grad[output] = W.g.copy()
    np.testing.assert_allclose(grad[lowered], grad[y], rtol=1e-6)


def test_nnabla_grad_passes_through_the_lowered_graph():
    x = np.array([-9, 0.4, 9], np.float32)
    W, y = node(Uniform(bits=3, learn=None), x, d=0.5)
    lowered = Uniform.lower(y.parent, y.parent.inputs)
    gradient = nn.grad([F.sum(lowered**2)], [lowered.parent.inputs[0], W])[1]
    gradient.forward()
    np.testing.assert_allclose(gradient.d, [0, 1, 0], rtol=1e-6)


@pytest.mark.parametrize("signed", [True, False])
def test_composite_and_kernels_agree_in_values(signed, monkeypatch):
    from nnabla_compress.quantizers.base import QuantizerFunction

    rng = np.random.RandomState(2)
    x = np.abs(rng.randn(200)).astype(np.float32) * (rng.choice([-1, 1], 200) if signed else 1)
    W, y = node(Uniform(bits=3, signed=signed), x.astype(np.float32), d=0.2, q_max=0.55)
    y.forward()
    kernel = y.d.copy()
    monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    y.forward()
    np.testing.assert_array_equal(y.d, kernel)


def test_composite_gradients_are_added_where_a_tensor_is_used_twice(monkeypatch):
    from nnabla_compress.quantizers.base import QuantizerFunction

    rng = np.random.RandomState(2)
    x, dy = (rng.randn(50).astype(np.float32) for _ in range(2))
    gradients = {}
    for on_cpu in (True, False):
        nn.clear_parameters()
        monkeypatch.setattr(QuantizerFunction, "on_cpu", on_cpu)
        W, y = node(Uniform(bits=3), x, d=0.3, q_max=0.9)
        with nn.parameter_scope("layer"):
            again = Uniform(bits=3)(W)
        gradients[on_cpu] = backward(W, y + again + W, dy)
    for name, value in gradients[True].items():
        np.testing.assert_allclose(gradients[False][name], value, rtol=1e-5, atol=1e-6)


def test_the_range_is_snapped_to_whole_steps_and_decides_the_bits():
    x = np.array([0.95, 0.7, -2], np.float32)
    W, y = node(Uniform(), x, d=0.25, q_max=1.1)  # 4.4 steps
    y.forward()
    np.testing.assert_array_equal(y.d, [1, 0.75, -1])
    assert Uniform.bits_of(y.parent.info.args, y.parent.inputs) == math.ceil(math.log2(5) + 1) == 4


@examples(60)
@given(
    st.sampled_from(LEARN),
    st.sampled_from(["real", "pow2"]),
    st.booleans(),
    st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3),
    st.tuples(st.integers(2, 8), st.integers(2, 8)),
)
@pytest.mark.filterwarnings("ignore:Uniform")
def test_any_parameters_are_moved_into_the_valid_region_once_and_for_all(
    learn, step, signed, wild, limits
):
    nn.clear_parameters()
    low, high = sorted(limits)
    quantizer = Uniform(
        bits=low, signed=signed, learn=learn, step=step, min_bits=low, max_bits=high
    )
    x = np.linspace(-1, 1, 11, dtype=np.float32)
    values = dict(zip(("d", "q_max", "b"), wild))
    W, y = node(quantizer, x, **{name: values[name] for name in Uniform.parameters[learn]})
    y.forward()
    assert np.isfinite(y.d).all()
    parameters = nn.get_parameters(grad_only=False)
    settled = {key: variable.d.copy() for key, variable in parameters.items()}
    bits = Uniform.bits_of(y.parent.info.args, y.parent.inputs)
    assert low <= bits <= high
    if learn == "d_qmax":
        grid = Uniform.settle(y.parent.info.args, y.parent.inputs)
        assert 0 < grid.step[0] <= settled["layer/uniform/q_max"][0] * (1 + 1e-6)
    first = y.d.copy()
    y.forward()
    np.testing.assert_array_equal(y.d, first)


@pytest.mark.parametrize("learn", LEARN[:-1])
def test_a_wild_solver_step_does_not_leave_the_valid_region(learn):
    rng = np.random.RandomState(0)
    x = nn.Variable.from_numpy_array(rng.randn(8, 6).astype(np.float32))
    h = PF.affine(x, 5, apply_w=Uniform(learn=learn), apply_b=Uniform(learn=learn), name="fc")
    with nn.parameter_scope("a"):
        h = Uniform(signed=False, learn=learn)(F.relu(h))
    loss = F.mean(h**2) * 100
    solver = S.Sgd(1e4)
    solver.set_parameters({k: v for k, v in nn.get_parameters().items() if "uniform" in k})
    for _ in range(5):
        loss.forward()
        solver.zero_grad()
        loss.backward()
        solver.update()
        for function in graph_quantizers([loss]):
            Uniform.after_update(function.info.args, function.inputs, 1)
            args, inputs = function.info.args, function.inputs
            values = [variable.d for variable in inputs[1:]]
            assert all(np.isfinite(v).all() and (v > 0).all() for v in values)
            assert args["min_bits"] <= Uniform.bits_of(args, inputs) <= 8
    assert np.isfinite(loss.d)


@pytest.mark.parametrize(
    "learn, want",
    [
        ("d_qmax", {"d": -7 / (math.log(2) * 8 * 0.25), "q_max": 1 / (math.log(2) * 8 * 0.25)}),
        ("b_d", {"b": 1, "d": 0}),
        ("qmax", {"q_max": 0}),
    ],
)
def test_the_bits_variable_is_whole_and_has_the_gradient_of_the_formula(learn, want):
    W, y = node(Uniform(learn=learn), np.ones(3, np.float32), **settings_of(learn, 4, 0.25, True))
    bits = Uniform.bits_variable(y.parent)
    got = backward(W, bits, 2.0)
    assert bits.d.tolist() == [4]
    for name, value in want.items():
        np.testing.assert_allclose(got[name], [2 * value], rtol=1e-6)
    assert not got["W"].any()


def test_a_power_of_two_step_starts_from_the_one_with_the_least_squared_error():
    x = np.array([-0.9, *[0.25, -0.25] * 20, 0.3], np.float32)
    W, y = node(Uniform(bits=2, step="pow2"), x)
    prepare([y])
    assert nn.get_parameters()["layer/uniform/d"].d == 0.25  # the largest magnitude asks for 1


def test_a_weight_that_loses_a_bit_gets_the_step_that_fits_it():
    x = np.array([-0.9, *[0.25, -0.25] * 20, 0.3], np.float32)
    W, y = node(Uniform(bits=4, step="pow2"), x)
    prepare([y])
    function = y.parent
    while Uniform.bits_of(function.info.args, function.inputs) > 2:
        Uniform.take_a_bit(function.info.args, function.inputs)
    y.forward()
    assert y.d.tolist() == (0.25 * np.sign(x)).tolist()


@pytest.mark.parametrize("bits, limit", [(2, 0.22), (4, 0.013), (8, 1e-4)])
def test_a_real_step_starts_near_the_least_squared_error_of_a_gaussian(bits, limit):
    x = np.random.RandomState(0).randn(20000).astype(np.float32)
    W, y = node(Uniform(bits=bits), x)
    y.forward()
    # The least errors are 0.19, 0.0115 and 0.0001 of the variance.
    assert np.mean((y.d - x) ** 2) < limit


def test_activations_start_from_the_first_batch_and_weights_from_prepare():
    x = nn.Variable((4, 8))
    h = PF.affine(x, 6, apply_w=Uniform(), name="fc")
    with nn.parameter_scope("act"):
        y = Uniform(signed=False, bits=8)(F.relu(h))
    prepare([y])
    parameters = nn.get_parameters()
    assert np.isfinite(parameters["fc/affine/uniform/d"].d)
    assert np.isnan(parameters["act/uniform/d"].d)
    with pytest.raises(ConfigError, match="no batch yet"):
        Uniform.lower(y.parent, y.parent.inputs)
    x.d = np.random.RandomState(0).randn(4, 8)
    y.forward()
    assert 0.9 * h.d.max() < parameters["act/uniform/q_max"].d[0] < 1.1 * h.d.max()


def test_weight_and_bias_of_a_layer_have_parameters_of_their_own():
    b_init = np.array([0.1, 0.2, 0.3], np.float32)
    x = nn.Variable((1, 4))
    PF.affine(x, 3, b_init=b_init, apply_w=Uniform(), apply_b=Uniform(), name="fc").forward()
    parameters = nn.get_parameters()
    assert {k for k in parameters if "uniform" in k} == {
        f"fc/affine/{scope}/{name}" for scope in ("uniform", "uniform_b") for name in ("d", "q_max")
    }
    assert parameters["fc/affine/uniform_b/q_max"].d < 0.35


def test_saved_parameters_give_the_same_quantizer(tmp_path):
    x = np.random.RandomState(0).randn(50).astype(np.float32)
    for name in ("p.h5", "p.protobuf"):
        nn.clear_parameters()
        W, y = node(Uniform(bits=3, step="pow2"), x)
        y.forward()
        want = y.d.copy()
        nn.get_parameters()["layer/uniform/q_max"].d = 0.4
        y.forward()
        changed = y.d.copy()
        assert (changed != want).any()
        nn.save_parameters(str(tmp_path / name))
        nn.clear_parameters()
        nn.load_parameters(str(tmp_path / name))
        W, y = node(Uniform(bits=3, step="pow2"), x)
        y.forward()
        np.testing.assert_array_equal(y.d, changed)


def test_auto_forward_gives_the_same_as_a_static_graph():
    x, dy = (np.random.RandomState(i).randn(50).astype(np.float32) for i in range(2))
    W, y = node(Uniform(bits=3), x)
    static = backward(W, y, dy)
    values = y.d.copy()
    nn.clear_parameters()
    with nn.auto_forward():
        W, y = node(Uniform(bits=3), x)
        np.testing.assert_array_equal(y.d, values)
        for variable in nn.get_parameters().values():
            variable.g = 0
        y.backward(dy)
    for key, variable in nn.get_parameters().items():
        np.testing.assert_array_equal(variable.g, static[key.split("/")[-1]])


def test_clearing_buffers_between_layers_changes_no_gradient():
    def train(clear):
        nn.clear_parameters()
        rng = np.random.RandomState(0)
        x = nn.Variable.from_numpy_array(rng.randn(8, 6).astype(np.float32))
        h = PF.affine(x, 5, w_init=rng.randn(6, 5).astype(np.float32), apply_w=Uniform(), name="a")
        with nn.parameter_scope("act"):
            h = Uniform(signed=False)(F.relu(h))
        loss = F.mean(PF.affine(h, 2, w_init=rng.randn(5, 2).astype(np.float32), name="b") ** 2)
        for variable in nn.get_parameters().values():
            variable.g = 0
        loss.forward(clear_no_need_grad=clear)
        loss.backward(clear_buffer=clear)
        return {key: variable.g.copy() for key, variable in nn.get_parameters().items()}

    kept, cleared = train(False), train(True)
    assert all((kept[key] == cleared[key]).all() for key in kept)
    assert kept["act/uniform/d"].any()


def test_an_all_zero_tensor_gives_zeros_and_a_valid_state():
    W, y = node(Uniform(), np.zeros((3, 2), np.float32))
    y.forward()
    assert not y.d.any()
    assert nn.get_parameters()["layer/uniform/d"].d == 2**-3


def test_a_constant_tensor_is_kept():
    W, y = node(Uniform(bits=3), np.full((3, 2), -0.7, np.float32))
    y.forward()
    np.testing.assert_allclose(y.d, -0.7, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_with_the_layer(bad):
    x = np.ones(4, np.float32)
    x[1] = bad
    W, y = node(Uniform(), x)
    with pytest.raises(TrainingError, match="1 of 4 values of W in layer"):
        prepare([y])
    with pytest.raises(SystemError) as error:
        y.forward()
    assert isinstance(unwrap(error.value), TrainingError)


def test_an_unsigned_quantizer_counts_what_it_clips_once():
    W, y = node(Uniform(signed=False), np.array([-1, 1, 2, 3], np.float32))
    with pytest.warns(UserWarning, match="25 % of the values it got are negative") as caught:
        y.forward()
        y.forward()
    assert len(caught) == 1


@pytest.mark.parametrize("rate", [1, 0.5])
def test_before_an_update_step_and_range_are_bounded_by_the_step_and_slowed_down(rate):
    W, y = node(Uniform(rate=rate), np.full(100, 9, np.float32), d=0.25, q_max=1.0)
    backward(W, y, 1.0)
    parameters = nn.get_parameters()
    assert parameters["layer/uniform/q_max"].g == 100
    Uniform.before_update(y.parent.info.args, y.parent.inputs)
    assert parameters["layer/uniform/q_max"].g == rate * 0.25


@pytest.mark.parametrize(
    ("bits", "axis", "scale"), [(2, None, 0.1), (4, None, 0.1 / 7**0.5), (2, 0, 0.2)]
)
def test_normalized_gradients_count_values_and_levels(bits, axis, scale):
    """1 / sqrt(n N), n values a step: 100 of one step, or 25 of each of four."""
    quantizer = Uniform(bits=bits, learn="qmax", gradients="normalized", rate=0.5, axis=axis)
    W, y = node(quantizer, np.full((4, 25), 9, np.float32), q_max=1.0)
    backward(W, y, 1.0)
    q_max = nn.get_parameters()["layer/uniform/q_max"]
    before = q_max.g.copy()
    assert (before == 100 / q_max.size).all()
    Uniform.before_update(y.parent.info.args, y.parent.inputs)
    np.testing.assert_allclose(q_max.g, 0.5 * scale * before, rtol=1e-6)


def test_normalized_gradients_of_a_map_do_not_count_the_rows_of_a_batch():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.full((8, 25), 9, np.float32), need_grad=True)
    y = Uniform(bits=2, signed=False, learn="qmax", gradients="normalized", rate=1)(F.relu(x))
    y.forward()
    (q_max,) = nn.get_parameters().values()
    q_max.g = 1
    Uniform.before_update(y.parent.info.args, y.parent.inputs)
    np.testing.assert_allclose(q_max.g, 1 / np.sqrt(25 * 3), rtol=1e-6)


@pytest.mark.parametrize("learn", ["d_qmax", "b_d", "b_qmax"])
def test_normalized_gradients_are_for_fixed_bits(learn):
    with pytest.raises(ConfigError, match=f"gradients='normalized' with learn='{learn}'"):
        Uniform(learn=learn, gradients="normalized")
    with pytest.raises(ConfigError, match="gradients"):
        Uniform(learn="qmax", gradients="scaled")


def test_bits_of_their_own_are_slowed_down_and_not_bounded():
    W, y = node(Uniform(learn="b_qmax", rate=0.5), np.ones(4, np.float32))
    y.forward()
    bits = nn.get_parameters()["layer/uniform/b"]
    bits.g = 8
    Uniform.before_update(y.parent.info.args, y.parent.inputs)
    assert bits.g == 4


def test_a_node_describes_its_quantizer():
    quantizer = Uniform(bits=3, learn="b_d", step="pow2", axis=1)
    W, y = node(quantizer, np.ones((2, 3), np.float32))
    assert quantizer_of(y.parent) is Uniform
    assert Uniform.of(y.parent.info.args) == quantizer
    assert y.parent.info.args["name"] == "layer"
    assert Uniform.bits_of(y.parent.info.args, y.parent.inputs) == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 1}, "bits is 1, the range is 2 to 16"),
        ({"bits": 0, "signed": False}, "bits is 0, the range is 1 to 16"),
        ({"bits": 17}, "bits is 17"),
        ({"bits": 2.5}, "bits is 2.5"),
        ({"bits": 4, "min_bits": 5}, "outside min_bits=5 to max_bits=8"),
        ({"bits": 4, "max_bits": 3}, "outside min_bits=2 to max_bits=3"),
        ({"learn": "q"}, "learn is 'q'"),
        ({"step": "int"}, "step is 'int'"),
        ({"axis": 0}, "bits of its own"),
        ({"initial_step": -1.0}, "initial_step is -1.0"),
    ],
)
def test_options_without_meaning_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Uniform(**options)


def test_an_axis_that_the_tensor_lacks_is_refused():
    with pytest.raises(ConfigError, match="axis is 2"):
        node(Uniform(learn="qmax", axis=2), np.ones((2, 3), np.float32))
