# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Every scheme on every kind of encoding: what it decodes, and by which functions."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.storage import SCHEMES, CodedTensor, coded_tensor
from tests.properties import examples

VECTORS = Path(__file__).parents[2] / "data" / "c_runtime"
POWERS = np.array([s * 2.0**e for s in (-1, 1) for e in range(-8, 0)], np.float32)


def lut(bits, dictionary, shape=(8, 3, 3, 3), seed=0):
    codes = np.random.RandomState(seed).randint(0, len(dictionary), shape)
    return Encoding(codes.astype(np.uint8), bits, dictionary=np.float32(dictionary))


def uniform(low, high, scale=0.1, shape=(8, 3, 3, 3), bits=8, **more):
    codes = np.random.RandomState(0).randint(low, high + 1, shape)
    return Encoding(codes, bits, scale=np.float32(scale), **more)


@st.composite
def encodings(draw):
    shape = draw(st.sampled_from([(8, 3, 3, 3), (5, 7), (3, 1, 5, 1), (16,), (1, 1)]))
    seed = draw(st.integers(0, 1000))
    rng = np.random.RandomState(seed)
    kind = draw(
        st.sampled_from(["lut", "grid", "pow2", "uniform", "channels", "zero point", "odd"])
    )
    bits = draw(st.integers(1, 8))
    if kind == "lut":
        return lut(bits, np.sort(rng.randn(2**bits)), shape, seed)
    if kind == "grid":
        return lut(bits, np.sort(rng.randint(-127, 128, 2**bits)) * np.float32(0.0123), shape, seed)
    if kind == "pow2":
        return lut(4, POWERS * 2.0 ** draw(st.integers(-5, 5)), shape, seed)
    codes = rng.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), shape)
    if kind == "odd":
        zero = 2**bits - 1
        made = rng.randint(0, 2**bits, shape)
        return Encoding(made, bits, scale=np.float32(0.3), zero_point=zero, spacing=2)
    scale = np.abs(rng.randn(shape[0])).astype(np.float32) + np.float32(1e-3)
    if kind == "uniform":
        return Encoding(codes, bits, scale=scale[0])
    if kind == "channels":
        return Encoding(codes, bits, scale=scale, axis=0)
    zero = rng.randint(0, 2**bits, shape[0])
    return Encoding(codes - codes.min(), bits + 1, scale=scale, zero_point=zero, axis=0)


@examples(40)
@given(encodings())
def test_every_scheme_decodes_what_the_encoding_does(encoding):
    tensor = coded_tensor(encoding)
    for scheme in SCHEMES.values():
        if scheme.refusal(tensor) is not None:
            continue
        stored = scheme.build(tensor, "c/W")
        stored.fill()
        stored.variable.forward()
        got, expected = stored.variable.d, encoding.decode()
        assert got.shape == expected.shape and stored.variable not in stored.types
        if scheme.name == "dictionary_planes" and tensor.scale is None:
            assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()
        else:
            np.testing.assert_array_equal(got, expected)
            assert stored.exact
        if tensor.scale is not None:
            whole = scheme.build_integers(tensor, "c/W")
            whole.fill()
            whole.variable.forward()
            np.testing.assert_array_equal(whole.variable.d, np.rint(whole.variable.d))
            np.testing.assert_array_equal(whole.variable.d, whole.values.array())
            assert whole.exact
            np.testing.assert_array_equal(
                whole.variable.d * tensor.along_axis(tensor.scale), expected
            )


@examples(20)
@given(encodings())
def test_what_the_runtime_holds_in_few_bits_fits_them(encoding):
    tensor = coded_tensor(encoding)
    for scheme in SCHEMES.values():
        if scheme.refusal(tensor) is not None:
            continue
        stored = scheme.build(tensor, "c/W")
        stored.fill()
        for function in functions([stored.variable]):
            for variable in function.outputs:
                variable.forward()
        for variable, text in stored.types.items():
            values = np.array(variable.d)
            if text == "SIGN":
                assert variable.parent is None and values.size % 8 == 0
                assert set(np.unique(values)) <= {-1.0, 1.0}
                continue
            kind, position = text.split("_")
            whole = values * 2.0 ** int(position)
            limit = {"FIXED8": 2**7, "FIXED16": 2**15}[kind]
            np.testing.assert_array_equal(whole, np.rint(whole))
            assert whole.min() >= -limit and whole.max() < limit


def test_no_weight_of_an_affine_is_shared_or_computed():
    """Converters transpose it in place."""
    stored = SCHEMES["one_hot"].build(
        coded_tensor(lut(4, np.random.randn(16), (64, 32, 3, 3))), "c/W"
    )
    affines = [f for f in functions([stored.variable]) if f.info.type_name == "Affine"]
    weights = [function.inputs[1] for function in affines]
    assert len(affines) == 8 and len({weight.data for weight in weights}) == 8
    assert all(weight.parent is None for weight in weights)


@pytest.mark.parametrize(
    ("scheme", "encoding", "reason"),
    [
        ("int8", lut(2, [0.1, 0.31, 0.7, 0.9]), "does not lie on an integer grid"),
        ("int8", uniform(0, 400, bits=9), "integers go from 0 to 398, INT8 has 256"),
        ("packed", uniform(-8, 8), "4 bits hold 16 steps"),
        ("packed", lut(2, [0.1, 0.31, 0.7, 0.9]), "does not lie on an integer grid"),
        ("sign_planes", uniform(-100, 100), "more than 7 bits"),
        ("bit_matrix", uniform(0, 100), "go beyond -64 to 63"),
        ("dictionary_planes", lut(5, np.arange(32) ** 1.5), "32 distinct values"),
        ("one_hot", lut(5, np.arange(32) ** 1.5), "a one-hot look-up takes 16"),
        ("pow2_planes", lut(2, [0, 0.5, 1, 2]), "zero is none"),
        ("pow2_planes", lut(1, [2.0**-20, 2.0**20]), "40 octaves apart"),
    ],
)
def test_what_a_scheme_can_not_hold_is_refused_with_the_reason(scheme, encoding, reason):
    assert reason in SCHEMES[scheme].refusal(coded_tensor(encoding))


def test_integers_of_a_free_dictionary_are_refused():
    tensor = coded_tensor(lut(2, [0.1, 0.31, 0.7, 0.9]))
    with pytest.raises(ExportError, match="c/W does not lie on an integer grid"):
        SCHEMES["one_hot"].build_integers(tensor, "c/W")


def recorded(name):
    """The layers of a recorded network: (decoding functions, parameters by name, dictionary)."""
    folder = VECTORS / name
    if not folder.exists():
        pytest.skip("the recorded networks are not there")
    scope = OrderedDict()
    with nn.parameter_scope("", scope):
        network = NnpLoader(str(folder / "net.nnp")).get_network(name_of(folder), batch_size=1)
        parameters = nn.get_parameters(grad_only=False)
    case = json.loads((folder / "case.json").read_text())
    tables = case.get("dictionary", {}).get("tables", {})
    for function in functions(list(network.outputs.values())):
        if function.info.type_name == "Convolution":
            weight = function.inputs[1]
            layer = next(f for f in functions([weight])).inputs[0]
            scope_name = next(n for n, p in parameters.items() if p.data == layer.data)
            prefix = scope_name.split("/")[0] + "/"
            own = {n[len(prefix) :]: p.d for n, p in parameters.items() if n.startswith(prefix)}
            yield weight, own, tables.get(prefix[:-1])


def name_of(folder):
    return NnpLoader(str(folder / "net.nnp")).get_network_names()[0]


def assert_same_functions(stored, recorded_weight):
    stored.fill()
    got = stored.variable
    ours, theirs = functions([got]), functions([recorded_weight])
    assert [f.info.type_name for f in ours] == [f.info.type_name for f in theirs]
    for own, their in zip(ours, theirs):
        if "val" in own.info.args:
            assert np.float32(own.info.args["val"]) == np.float32(their.info.args["val"])
        for a, b in zip(own.inputs, their.inputs):
            if a.parent is None:
                np.testing.assert_array_equal(a.d.ravel(), b.d.ravel())
    got.forward()
    recorded_weight.forward()
    np.testing.assert_array_equal(got.d, recorded_weight.d)


def codes_of(parameters):
    planes = [parameters[f"S{bit}"] for bit in range(8) if f"S{bit}" in parameters]
    return sum((plane > 0).astype(np.int64) << bit for bit, plane in enumerate(planes))


@pytest.mark.parametrize("name", ["13_lut2_signplanes", "14_lut3_signplanes", "15_lut4_signplanes"])
def test_dictionary_planes_are_the_recorded_functions(name):
    for weight, parameters, table in recorded(name):
        codes = codes_of(parameters).reshape(weight.shape)
        tensor = CodedTensor(codes, np.float64(np.float32(table)))
        stored = SCHEMES["dictionary_planes"].build(tensor, "c/W")
        ours, theirs = functions([stored.variable]), functions([weight])
        assert [f.info.type_name for f in ours] == [f.info.type_name for f in theirs]
        weight.forward()
        np.testing.assert_allclose(stored.values.array(), weight.d, atol=1e-6)
        assert stored.error < 1e-6


def test_powers_of_two_are_the_recorded_functions():
    for weight, _, table in recorded("16_lut4_pow2"):
        weight.forward()
        values = np.array(weight.d)
        levels, index = np.unique(values, return_inverse=True)
        tensor = CodedTensor(index.reshape(values.shape), levels.astype(np.float64))
        if len(levels) == len(table):
            stored = SCHEMES["pow2_planes"].build(tensor, "c/W")
            assert_same_functions(stored, weight)


def test_packed_codes_are_the_recorded_functions():
    for weight, _, _ in recorded("11_pack4_uniform"):
        weight.forward()
        scale = functions([weight])[-1].info.args["val"]
        codes = np.rint(weight.d / scale).astype(np.int64)
        tensor = coded_tensor(Encoding(codes, 4, scale=np.float32(scale)))
        assert_same_functions(SCHEMES["packed"].build(tensor, "c/W"), weight)


@pytest.mark.parametrize("name", ["04_d8_per_tensor", "05_d8_per_channel"])
def test_int8_codes_are_the_recorded_functions(name):
    for weight, _, _ in recorded(name):
        last = functions([weight])[-1]
        codes = last.inputs[0].d.astype(np.int64)
        scale, axis = last.info.args.get("val"), None
        if scale is None:
            scale, axis = last.inputs[1].d.ravel(), 0
        tensor = coded_tensor(Encoding(codes, 8, scale=np.float32(scale), axis=axis))
        assert_same_functions(SCHEMES["int8"].build(tensor, "c/W"), weight)


def test_sign_planes_are_the_recorded_functions():
    for weight, _, _ in recorded("10_codes_w2a4_signplanes"):
        weight.forward()
        encoding = Encoding(weight.d.astype(np.int64), 3, scale=np.float32(1))
        stored = SCHEMES["sign_planes"].build_integers(coded_tensor(encoding), "c/W")
        assert_same_functions(stored, weight)
