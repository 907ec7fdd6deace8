# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Affine quantizers: what a device computes, what is stored, what is lowered, what is refused."""

from __future__ import annotations

import itertools

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnabla_compress.quantizers as Q
from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, TrainingError, unwrap
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers.affine import Affine
from nnabla_compress.quantizers.base import QuantizerFunction
from tests.properties import examples

KINDS = [
    {"symmetric": symmetric, "signed": signed, "narrow": narrow, "scale": scale}
    for symmetric, signed, narrow, scale in itertools.product(
        (True, False), (True, False), (True, False), ("real", "pow2")
    )
    if (symmetric and signed) or narrow
]


def node(quantizer, values, scale=None, zero_point=None):
    """A quantizer on an activation, with these parameters, or those of its first tensor."""
    x = nn.Variable.from_numpy_array(np.asarray(values, np.float32), need_grad=True)
    with nn.parameter_scope("a"):
        y = quantizer(x)
    for variable, value in zip(y.parent.inputs[1:], (scale, zero_point)):
        if value is not None:
            variable.d = value
    return x, y


def on_device(quantizer, x, scale, zero_point):
    """The definition, code by code, in float64 but for the product with the reciprocal."""
    first, last = quantizer.codes
    shape = [1] * x.ndim
    if quantizer.axis is not None:
        shape[quantizer.axis] = -1
    scale, zero_point = (np.float32(v).reshape(shape) for v in (scale, zero_point))
    scaled = (x * (np.float32(1) / scale)).astype(np.float64)
    rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)
    codes = np.clip(rounded + zero_point, first, last)
    return codes, ((codes - zero_point).astype(np.float32) * scale).astype(np.float32)


@examples(100)
@given(
    st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=30),
    st.lists(st.integers(-300, 300), max_size=20),
    st.sampled_from(KINDS),
    st.sampled_from([2, 3, 4, 8, 16]),
    st.floats(2.0**-7, 1, width=32),
    st.integers(0, 2**16),
)
def test_codes_are_a_devices_and_encoding_and_lowering_equal_the_forward_pass_bit_for_bit(
    values, ties, kind, bits, scale, zero
):
    nn.clear_parameters()
    quantizer = Affine(bits=bits, **kind)
    zero_point = 0 if kind["symmetric"] else zero % 2**bits
    x = np.array([0.0, *values, *[np.float32(scale) * np.float32(k / 2) for k in ties]], np.float32)
    _, y = node(quantizer, x, scale, zero_point)
    y.forward()
    codes, expected = on_device(quantizer, x, scale, zero_point)
    np.testing.assert_array_equal(y.d, expected)
    assert y.d[0] == 0
    encoding = Affine.encode(y.parent)
    np.testing.assert_array_equal(encoding.codes, codes)
    assert encoding.decode().tobytes() == y.d.tobytes()
    assert encoding.bits == Affine.bits_of(y.parent.info.args, y.parent.inputs) == bits
    assert len(encoding.pack()) == encoding.nbytes
    lowered = Affine.lower(y.parent, y.parent.inputs)
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, y.d)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("symmetric", [True, False])
def test_channels_have_a_scale_and_zero_point_of_their_own(axis, symmetric, rng):
    x = rng.randn(3, 4, 5).astype(np.float32) + 0.5
    quantizer = Affine(bits=4, symmetric=symmetric, axis=axis, fit="min_max")
    _, y = node(quantizer, x)
    y.forward()
    scale, zero_point = (v.d for v in y.parent.inputs[1:])
    assert len(set(scale)) == x.shape[axis]
    np.testing.assert_array_equal(y.d, on_device(quantizer, x, scale, zero_point)[1])
    encoding = Affine.encode(y.parent)
    assert encoding.decode().tobytes() == y.d.tobytes()
    assert encoding.axis == axis and len(encoding.pack()) == encoding.nbytes
    lowered = Affine.lower(y.parent, y.parent.inputs)
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, y.d)


@pytest.mark.parametrize("kind", KINDS)
def test_the_range_of_the_first_tensor_is_kept_to_half_a_step(kind, rng):
    x = (rng.rand(1000) * 3 - (1 if kind["signed"] or not kind["symmetric"] else 0)).astype("f4")
    _, y = node(Affine(bits=6, fit="min_max", **kind), x)
    y.forward()
    (scale,) = y.parent.inputs[1].d
    assert np.abs(y.d - x).max() <= 0.5 * scale * (1 + 1e-5) + (0 if kind["symmetric"] else scale)
    if kind["scale"] == "pow2":
        assert np.log2(scale) == np.round(np.log2(scale))


def test_the_fit_to_the_squared_error_is_never_worse_than_the_full_range_and_clips_outliers(rng):
    x = rng.randn(4000).astype(np.float32)
    x[0] = 12
    errors = {}
    for fit in ("min_max", "mse"):
        nn.clear_parameters()
        _, y = node(Affine(bits=4, fit=fit), x)
        y.forward()
        errors[fit] = float(np.square(y.d - x).mean())
    assert errors["mse"] < 0.5 * errors["min_max"]


def test_dead_channels_take_the_largest_scale_of_the_others():
    w = np.float32([[0, 0], [1, -7], [0.5, 0.1]])
    _, y = node(Affine(bits=4, axis=0, fit="min_max"), w)
    y.forward()
    assert y.parent.inputs[1].d.tolist() == [1.0, 1.0, np.float32(0.5 / 7)]
    nn.clear_parameters()
    _, y = node(Affine(bits=4, axis=0), np.zeros((2, 3), np.float32))
    y.forward()
    assert not y.d.any() and (y.parent.inputs[1].d > 0).all()


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("accumulate", [False, True])
def test_the_gradient_is_passed_on_where_nothing_is_clipped(axis, symmetric, accumulate):
    x = np.float32([[-9, -1.5, -0.2, 0.1, 1.4, 9]] * 2).T.copy()
    channels = 1 if axis is None else 2
    zero_point = np.full(channels, 0 if symmetric else 3)
    for on_cpu, lowered in ((True, False), (False, False), (True, True)):
        nn.clear_parameters()
        quantizer = Affine(bits=3, symmetric=symmetric, axis=axis)
        variable, y = node(quantizer, x, np.full(channels, 0.5), zero_point)
        if lowered:
            y = Affine.lower(y.parent, y.parent.inputs)
        total = F.sum((y + F.mul_scalar(variable, 3)) if accumulate else y)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(QuantizerFunction, "on_cpu", on_cpu)
            total.forward()
            variable.g = 0
            total.backward()
        expected = np.float32([[0, 1, 1, 1, 1, 0]] * 2).T + (3 if accumulate else 0)
        np.testing.assert_array_equal(variable.g, expected)


@pytest.mark.parametrize("axis", [None, 1])
def test_composite_and_kernel_agree_bit_for_bit(axis, rng, monkeypatch):
    x = rng.randn(50, 3).astype(np.float32)
    _, y = node(Affine(bits=4, symmetric=False, axis=axis), x)
    y.forward()
    kernel = y.d.copy()
    monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    y.forward()
    np.testing.assert_array_equal(y.d, kernel)


def test_weights_are_stored_packed_and_exported_as_they_compute(tmp_path, rng):
    x = nn.Variable((4, 3, 8, 8))
    h = PF.convolution(x, 8, (3, 3), name="c1", apply_w=Affine(bits=4, axis=0))
    with nn.parameter_scope("act"):
        h = Affine(bits=8, symmetric=False)(F.relu(h))
    y = PF.affine(h, 5, name="fc", apply_w=Affine(bits=3, axis=1))
    x.d = rng.randn(*x.shape)
    y.forward()
    report = export_nnp(tmp_path / "net.nnp", y, x)
    assert [(row.bits, row.quantizer) for row in report.rows] == [
        (4, "AffineQuantizer"),
        (3, "AffineQuantizer"),
    ]
    assert report.rows[0].packed_bytes == -(-4 * 216 // 8) + 8 * 4 + 8
    loaded = NnpFile(tmp_path / "net.nnp").build(batch_size=4)
    loaded.inputs["x"].d = x.d
    loaded.output.forward()
    np.testing.assert_allclose(loaded.output.d, y.d, atol=1e-5)
    assert "nnabla_compress.AffineQuantizer" not in {
        f.info.type_name for f in functions([loaded.output])
    }


def test_a_rule_puts_it_on_weights_and_activations():
    x = nn.Variable((1, 3, 8, 8))
    y = PF.affine(F.relu(PF.convolution(x, 4, (3, 3), name="c1")), 2, name="fc")
    z = compress(y, {"weights": "affine:bits=4,axis=0", "activations": "affine:bits=8"})
    assert [layer.quantizer.info.args["bits"] for layer in layers([z])] == [4, 4]
    (activation,) = [f for f in Q.graph_quantizers([z]) if f.info.args["tensor"] == ""]
    assert activation.info.args["signed"] is False and activation.info.args["bits"] == 8
    Q.prepare([z])
    assert np.isfinite(nn.get_parameters(grad_only=False)["c1/conv/affine/scale"].d).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 1}, "bits is 1"),
        ({"bits": 17}, "bits is 17"),
        ({"bits": 4.0}, "bits is 4.0"),
        ({"scale": "power"}, "scale is 'power'"),
        ({"fit": "kl"}, "fit is 'kl'"),
        ({"symmetric": 2}, "symmetric is 2"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Affine(**options)


def test_an_axis_that_the_tensor_lacks_is_refused():
    with pytest.raises(ConfigError, match="axis is 2, the tensor has the shape"):
        Affine(axis=2)(nn.Variable((3, 4)))


def test_a_tensor_with_nan_names_the_place():
    _, y = node(Affine(), [1, np.nan])
    with pytest.raises(SystemError) as caught:
        y.forward()
    error = unwrap(caught.value)
    assert isinstance(error, TrainingError) and "1 of 2 values of activations in a" in str(error)


@pytest.mark.parametrize("scale, zero_point", [(0, 0), (-1, 0), (np.inf, 0), (1, 0.5), (1, 99)])
def test_damaged_parameters_are_refused(scale, zero_point):
    _, y = node(Affine(bits=4, symmetric=False), [1.0], scale, zero_point)
    with pytest.raises(ConfigError, match="can't be used with codes from 0 to 15"):
        Affine.encode(y.parent)


def test_an_activation_without_a_range_is_not_lowered():
    _, y = node(Affine(), [1.0])
    with pytest.raises(ConfigError, match="has seen no batch yet"):
        Affine.lower(y.parent, y.parent.inputs)
