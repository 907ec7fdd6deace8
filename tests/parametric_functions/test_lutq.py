# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q layers beside their twins in NNabla: arguments, parameters, outputs, gradients."""

from __future__ import annotations

import inspect

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.parametric_functions as CPF
import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError

TWINS = {
    "affine": (PF.affine, CPF.lutq_affine),
    "conv": (PF.convolution, CPF.lutq_convolution),
    "depthwise_conv": (PF.depthwise_convolution, CPF.lutq_depthwise_convolution),
    "deconv": (PF.deconvolution, CPF.lutq_deconvolution),
}
OURS = [
    ("bits", None),
    ("dictionary", "free"),
    ("prune", 0.0),
    ("zero", False),
    ("scaled", True),
    ("grid_bits", None),
]
CALLS = [
    ("affine", (3,), {}),
    ("affine", (3,), dict(base_axis=2)),
    ("affine", ((2, 3),), dict(with_bias=False)),
    ("conv", (4, (3, 3)), {}),
    ("conv", (4, (3, 2)), dict(pad=(1, 0), stride=(2, 1), dilation=(1, 2), group=2)),
    ("conv", (4, (3, 3)), dict(with_bias=False, pad=(1, 1))),
    ("depthwise_conv", ((3, 3),), {}),
    ("depthwise_conv", ((3, 3),), dict(multiplier=3, pad=(1, 1), stride=(2, 2))),
    ("depthwise_conv", ((2, 2),), dict(with_bias=False, dilation=(2, 2))),
    ("deconv", (3, (2, 2)), {}),
    ("deconv", (4, (3, 3)), dict(pad=(1, 1), stride=(2, 2), group=2, output_padding=(1, 1))),
    ("deconv", (4, (2, 2)), dict(with_bias=False, dilation=(2, 2))),
]
every_call = pytest.mark.parametrize(
    "kind, positional, options", CALLS, ids=[f"{c[0]}{i}" for i, c in enumerate(CALLS)]
)
every_twin = pytest.mark.parametrize("kind", TWINS)
SIMPLE = {call[0]: call[1] for call in reversed(CALLS)}


def image(rng=None):
    x = nn.Variable((2, 4, 8, 8), need_grad=True)
    if rng is not None:
        x.d = rng.randn(*x.shape)
    return x


def signature(function):
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


@every_twin
def test_the_arguments_are_the_twins_in_order_then_ours_then_the_name(kind):
    theirs, ours = (signature(function) for function in TWINS[kind])
    assert theirs[-1] == ours[-1] == ("name", None)
    assert ours[:-1] == theirs[:-1] + OURS


@every_twin
def test_options_of_the_layer_are_those_of_the_quantizer_in_its_order(kind):
    assert [(p.name, p.default) for p in inspect.signature(Q.LUT).parameters.values()] == OURS


@every_call
def test_parameters_have_the_twins_names_shapes_and_values_and_two_more(kind, positional, options):
    found = []
    for layer in TWINS[kind]:
        nn.clear_parameters()
        layer(image(), *positional, rng=np.random.RandomState(5), name="x", **options)
        parameters = nn.get_parameters(grad_only=False)
        found.append({k: (v.shape, v.need_grad, v.d.tolist()) for k, v in parameters.items()})
    theirs, ours = found
    added = {name: ours.pop(name) for name in list(ours) if "/lut/" in name}
    assert ours == theirs
    assert added[f"x/{kind}/lut/dictionary"][:2] == ((16,), False)
    assert added[f"x/{kind}/lut/assignments"][:2] == (theirs[f"x/{kind}/W"][0], False)
    assert len(added) == 2


@every_call
def test_outputs_and_gradients_are_the_twins_where_the_weights_have_few_values(
    kind, positional, options, rng
):
    x = image(rng)
    ours = TWINS[kind][1](x, *positional, bits=3, name="x", **options)
    weight = nn.get_parameters()[f"x/{kind}/W"]
    weight.d = rng.choice(rng.randn(8).astype(np.float32), weight.shape)
    theirs = TWINS[kind][0](x, *positional, name="x", **options)
    upstream = rng.randn(*ours.shape).astype(np.float32)
    results = []
    for y in (ours, theirs):
        for variable in (x, *nn.get_parameters().values()):
            variable.grad.zero()
        y.forward()
        y.backward(upstream)
        gradients = {name: v.g.copy() for name, v in nn.get_parameters().items()}
        results.append((y.d.copy(), x.g.copy(), gradients))
    assert results[0][0].tobytes() == results[1][0].tobytes()
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][2].keys() == results[1][2].keys()
    for name, gradient in results[0][2].items():
        np.testing.assert_array_equal(gradient, results[1][2][name])


@every_call
def test_the_output_is_the_twins_on_the_looked_up_weight(kind, positional, options, rng):
    x = image(rng)
    ours = TWINS[kind][1](x, *positional, bits=2, name="x", **options)
    ours.forward()
    parameters = nn.get_parameters(grad_only=False)
    dictionary = parameters[f"x/{kind}/lut/dictionary"].d
    quantized = dictionary[parameters[f"x/{kind}/lut/assignments"].d]
    assert len(np.unique(quantized)) == 4
    parameters[f"x/{kind}/W"].d = quantized
    theirs = TWINS[kind][0](x, *positional, name="x", **options)
    theirs.forward()
    assert ours.d.tobytes() == theirs.d.tobytes()


@every_twin
@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_weights_move_between_float_and_compressed_twins_by_name(kind, ending, tmp_path, rng):
    theirs, ours = TWINS[kind]
    file = str(tmp_path / f"parameters.{ending}")
    theirs(image(), *SIMPLE[kind], name="x")
    trained = nn.get_parameters()[f"x/{kind}/W"].d.copy()
    nn.save_parameters(file)
    nn.clear_parameters()
    nn.load_parameters(file)
    y = ours(image(rng), *SIMPLE[kind], bits=8, name="x")
    y.forward()
    np.testing.assert_array_equal(nn.get_parameters()[f"x/{kind}/W"].d, trained)
    nn.save_parameters(file)
    nn.clear_parameters()
    nn.load_parameters(file)
    theirs(image(rng), *SIMPLE[kind], name="x").forward()
    np.testing.assert_array_equal(nn.get_parameters()[f"x/{kind}/W"].d, trained)


@pytest.mark.parametrize("kind", ["affine", "conv", "deconv"])
def test_the_callers_hooks_come_after_the_look_up(kind, rng):
    x = image(rng)
    plain = TWINS[kind][1](x, *SIMPLE[kind], bits=2, name="x")
    doubled = TWINS[kind][1](
        x, *SIMPLE[kind], bits=2, name="x", apply_w=lambda w: 2 * w, apply_b=lambda b: b + 1
    )
    nn.forward_all([plain, doubled])
    np.testing.assert_allclose(doubled.d, 2 * plain.d + 1, rtol=1e-5, atol=1e-5)


@every_twin
def test_fixed_parameters_get_no_gradient(kind, rng):
    x = image(rng)
    y = TWINS[kind][1](x, *SIMPLE[kind], fix_parameters=True, name="x")
    assert TWINS[kind][1](x, *SIMPLE[kind], name="x").parent.inputs[1].need_grad
    weight = nn.get_parameters()[f"x/{kind}/W"]
    weight.g = 3
    y.forward()
    x.grad.zero()
    y.backward()
    assert (weight.g == 3).all() and x.g.any()


@every_twin
def test_initializers_are_used(kind):
    y = TWINS[kind][1](
        image(), *SIMPLE[kind], name="x",
        w_init=lambda shape: np.full(shape, 0.25, np.float32),
        b_init=lambda shape: np.full(shape, 4, np.float32),
    )  # fmt: skip
    y.forward()
    assert (nn.get_parameters()[f"x/{kind}/W"].d == 0.25).all()
    assert (nn.get_parameters()[f"x/{kind}/b"].d == 4).all()


@every_twin
def test_lut_options_reach_the_node(kind):
    y = TWINS[kind][1](
        image(), *SIMPLE[kind], bits=3, dictionary="pow2", prune=0.5, zero=True, scaled=False,
        grid_bits=8, name="x",
    )  # fmt: skip
    assert y.parent.inputs[1].parent.info.args == {
        "bits": 3,
        "dictionary": "pow2",
        "prune": 0.5,
        "zero": True,
        "scaled": False,
        "grid_bits": 8,
        "name": f"x/{kind}",
    }


@every_twin
@pytest.mark.parametrize("bits", [0, 9])
def test_bits_out_of_range_are_refused_before_a_parameter_is_made(kind, bits):
    with pytest.raises(ConfigError, match=f"bits is {bits}"):
        TWINS[kind][1](image(), *SIMPLE[kind], bits=bits, name="x")
    assert not nn.get_parameters(grad_only=False)


def test_channel_last_is_handed_on():
    x = nn.Variable((2, 8, 8, 4))
    y = CPF.lutq_convolution(x, 6, (3, 3), channel_last=True, name="c")
    assert y.shape == (2, 6, 6, 6)
    assert y.parent.info.args["channel_last"]
    assert nn.get_parameters()["c/conv/W"].shape == (6, 3, 3, 4)


def test_nnablas_own_hook_does_the_same(rng):
    x = image(rng)
    ours = CPF.lutq_convolution(x, 4, (3, 3), bits=2, name="c")
    theirs = PF.convolution(x, 4, (3, 3), apply_w=Q.LUT(bits=2), name="c")
    nn.forward_all([ours, theirs])
    assert ours.d.tobytes() == theirs.d.tobytes()
    assert ours.parent.inputs[1].parent.info.args == theirs.parent.inputs[1].parent.info.args


def test_a_layer_used_twice_shares_its_weight_and_adds_up_the_gradients(rng):
    x = nn.Variable((3, 5))
    x.d = rng.randn(3, 5)
    h = CPF.lutq_affine(x, 5, bits=2, name="a")
    y = CPF.lutq_affine(h, 5, bits=2, name="a")
    assert len(nn.get_parameters(grad_only=False)) == 4
    weight = nn.get_parameters()["a/affine/W"]
    h.persistent = True
    F.sum(y).forward()
    q = h.parent.inputs[1].d.astype(np.float64)
    weight.grad.zero()
    loss = F.sum(y)
    loss.forward()
    loss.backward()
    ones = np.ones((3, 5))
    expected = h.d.T.dot(ones) + x.d.T.dot(ones.dot(q.T))
    np.testing.assert_allclose(weight.g, expected, rtol=1e-4, atol=1e-4)
