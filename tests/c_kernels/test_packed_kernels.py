# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The C kernels against NumPy, over random layers, weights and builds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from tests.properties import examples

OPTIMIZED = ("-O3", "-march=native")  # as users compile: fused multiply-add is allowed
PORTABLE = ("-O2", "-std=c99", "-pedantic")
SCALAR = ("-O2", "-DPACKED_LANES=1")
NO_MULTIPLY = ("-O2", "-DPACKED_NO_MULTIPLY")
EIGHT_LANES = ("-O3", "-march=native", "-DPACKED_LANES=8")
BUILDS = [OPTIMIZED, PORTABLE, SCALAR, EIGHT_LANES]
INT8_BUILDS = [
    OPTIMIZED,
    PORTABLE,
    ("-O2", "-mavx2"),
    ("-O3", "-march=native", "-DPACKED_PORTABLE"),
]

# Without shrinking: an example takes milliseconds, hundreds of smaller ones minutes.
MORE = examples(
    40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
data = st.data()
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=BUILDS, ids=" ".join)
def library(request, build):
    return build(*request.param)


def draw_layer(draw, types):
    kind = draw(st.sampled_from([types.convolution, types.deconvolution, types.affine]))
    if kind == types.affine:
        maps = draw(st.integers(1, 300)), draw(st.integers(1, 20))
        return types.layer(kind, *maps, batch=draw(st.integers(1, 3)))
    layer = types.layer(
        kind,
        in_maps=draw(st.integers(1, 20)),
        out_maps=draw(st.integers(1, 20)),
        groups=draw(st.integers(1, 3)),
        batch=draw(st.integers(1, 2)),
        in_size=(draw(st.integers(1, 9)), draw(st.integers(1, 34))),
        kernel=(draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        pad=(draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        dilation=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
    )
    if kind == types.deconvolution:
        most = [max(s, d) - 1 for s, d in zip(layer.stride, layer.dilation)]
        extra = tuple(draw(st.integers(0, m)) for m in most)
        layer = types.change(layer, extra=extra)
    # Enough padding for at least one output.
    lacking = [max(0, 1 - size) for size in layer.out_size]
    if kind == types.deconvolution:
        return types.change(layer, in_size=tuple(s + n for s, n in zip(layer.in_size, lacking)))
    # A kernel may be larger than the padded image, by less than the stride.
    least = [
        max(1, d * (k - 1) + 1 - 2 * p - (s - 1))
        for d, k, p, s in zip(layer.dilation, layer.kernel, layer.pad, layer.stride)
    ]
    return types.change(layer, in_size=tuple(map(max, layer.in_size, least)))


def draw_weights(draw, types, layer, rng, integers=False):
    bits = draw(st.integers(1, 8))
    maps = layer.groups * layer.out_maps
    form = draw(st.sampled_from(["tensor", "map", "scale", "both"]))
    per_map = draw(st.booleans())
    codes = rng.randint(0, 2**bits, layer.weight_shape)
    dictionary = scales = None
    if form != "scale":
        shape = (maps, 2**bits) if form == "map" or (form == "both" and per_map) else (2**bits,)
        dictionary = rng.normal(size=shape).astype(np.float32)
        if integers:
            dictionary = np.round(dictionary * 20)
    if form in ("scale", "both"):
        scales = rng.uniform(0.01, 1, maps if per_map else 1).astype(np.float32)
    zero_point = 0 if dictionary is not None else draw(st.integers(-3, 2**bits))
    return types.weights(codes, bits, dictionary, scales, zero_point)


def draw_case(draw, types, integers=False):
    rng = np.random.RandomState(draw(seeds))
    layer = draw_layer(draw, types)
    weights = draw_weights(draw, types, layer, rng, integers)
    bias = rng.normal(size=layer.groups * layer.out_maps).astype(np.float32)
    return rng, layer, weights, bias if draw(st.booleans()) else None


@given(data=data)
@MORE
def test_exact_kernels_have_the_bits_of_the_stock_order(library, types, oracle, data):
    rng, layer, weights, bias = draw_case(data.draw, types)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    y = library.run(layer, weights, x, bias)
    expected = oracle(layer, weights.values(layer), x, bias, np.float32)
    np.testing.assert_array_equal(y, expected)


@given(data=data)
@MORE
def test_fast_kernels_keep_their_error_bound(library, types, oracle, data):
    rng, layer, weights, bias = draw_case(data.draw, types)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    y = library.run(layer, weights, x, bias, "_fast")
    w = weights.values(layer)
    exact = oracle(layer, w, x, bias, np.float64)
    size = oracle(layer, abs(w), abs(x), None if bias is None else abs(bias), np.float64)
    products = layer.in_maps * layer.kernel[0] * layer.kernel[1]
    bound = (products + 2**weights.bits + 3) * 2.0**-24 * size
    assert (abs(y - exact) <= bound).all()


@given(data=data)
@MORE
def test_fast_kernels_give_the_same_bits_for_any_number_of_rows_at_once(library, types, data):
    rng, layer, weights, bias = draw_case(data.draw, types)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    tiled = types.change(layer, rows=data.draw(st.integers(1, 5)))
    np.testing.assert_array_equal(
        library.run(tiled, weights, x, bias, "_fast"),
        library.run(layer, weights, x, bias, "_fast"),
    )


@pytest.mark.parametrize("flags", [SCALAR, OPTIMIZED], ids=" ".join)
def test_as_many_rows_as_a_limit_of_the_scratch_memory_allows_are_found(build, types, flags):
    library, rng = build(*flags), np.random.RandomState(0)
    layer = types.layer(
        types.convolution, 16, 16, in_size=(32, 32), kernel=(3, 3), pad=(1, 1), stride=(1, 1)
    )
    weights = types.weights(rng.randint(0, 4, layer.weight_shape), 2, np.float32([0, 1, 2, 3]))
    everything = library.rows_within(layer, weights, 1 << 20)
    rows, needed = library.rows_within(layer, weights, 32 << 10)
    assert everything[0] == 0 and everything[1] > 64 << 10
    assert 1 < rows < 32 and needed <= 32 << 10
    parts = -(-32 // rows)
    fewer_parts = types.change(layer, rows=-(-32 // (parts - 1)))
    assert library.rows_within(fewer_parts, weights, needed)[0] == rows
    assert library.rows_within(layer, weights, 100)[0] == 1


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@given(data=data)
@MORE
def test_integer_kernels_are_exact(library, types, oracle, dtype, data):
    rng, layer, weights, bias = draw_case(data.draw, types, integers=True)
    layer = types.change(layer, coefficient=2.0 ** -data.draw(st.integers(0, 8)))
    highest = 128 if dtype == "int8" else 1000
    x = rng.randint(-highest, highest, layer.x_shape).astype(dtype)
    sums = oracle(layer, weights.levels(layer), x, None, np.int64).astype(np.float32)
    if library.check(layer, weights, dtype) == 6:  # int16 takes any value: the sum may not fit
        assert dtype == "int16"
        return
    maps = np.arange(layer.groups * layer.out_maps).reshape(1, layer.groups, -1, 1, 1)
    expected = sums * (weights.scale_of(maps) * np.float32(layer.coefficient))
    if bias is not None:
        expected = expected + bias[maps]
    np.testing.assert_array_equal(library.run(layer, weights, x, bias, "_integer"), expected)


def draw_depthwise_layer(draw, types):
    """One map in and out for each group, mostly as wide in as out."""
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return types.layer(
        types.convolution,
        in_maps=1,
        out_maps=1,
        groups=draw(st.integers(1, 5)),
        batch=draw(st.integers(1, 2)),
        in_size=(draw(st.integers(3, 12)), draw(st.integers(5, 40))),
        kernel=kernel,
        pad=(draw(st.integers(1, 3)), draw(st.sampled_from([kernel[1] // 2, 1]))),
        stride=draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 2)])),
    )


def draw_int8_case(draw, types, draw_layer=draw_layer):
    rng = np.random.RandomState(draw(seeds))
    layer = draw_layer(draw, types)
    weights = draw_weights(draw, types, layer, rng, integers=True)
    maps = layer.groups * layer.out_maps
    dictionary = weights.dictionary
    if dictionary is None:
        zero_point = draw(st.integers(max(0, 2**weights.bits - 128), min(128, 2**weights.bits)))
        weights = types.change(weights, zero_point=zero_point)
    else:
        weights = types.change(weights, dictionary=np.clip(dictionary, -128, 127))
    if weights.scales is not None:
        signs = rng.choice([-1, 1], weights.scales.size)
        scales = weights.scales * signs * 2.0 ** -draw(st.integers(0, 40))
        weights = types.change(weights, scales=scales.astype(np.float32))
    largest = draw(st.sampled_from([1 << 16, 1 << 24, 2**31 - 1]))
    biases = rng.randint(-largest, largest, maps).astype(np.int32)
    bounds = draw(st.sampled_from([(-128, 127), (0, 127), (-5, 96)]))
    layer = types.change(layer, fraction=draw(st.integers(-15, 8)))
    x = rng.randint(-128, 128, layer.x_shape).astype(np.int8)
    return layer, types.change(weights, biases=biases, bounds=bounds), x


def rounded(layer, weights, sums):
    """int8 results of sums, in Python's own integers."""
    maps = np.arange(layer.groups * layer.out_maps).reshape(1, layer.groups, -1, 1, 1)
    scales = np.broadcast_to(weights.scale_of(maps), maps.shape)
    mantissas, exponents = np.frexp(scales.astype(np.float64))  # 0.5 <= |mantissa| < 1
    multipliers = (mantissas * 2.0**31).astype(np.int64).astype(object)
    shifts = 31 - exponents - layer.fraction
    lost = np.maximum(shifts - 47, 0)
    magnitudes = abs(multipliers) // 2 ** lost.astype(object)
    multipliers = np.where(scales < 0, -magnitudes, magnitudes)
    shifts = (shifts - lost).astype(object)
    biases = weights.biases[maps].astype(object) * 2 ** (shifts - 16)
    exact = (sums.astype(object) * multipliers + biases) // 2**shifts
    return np.clip(exact, *weights.bounds).astype(np.int8)


@pytest.mark.parametrize("flags", INT8_BUILDS, ids=" ".join)
@given(data=data)
@MORE
def test_int8_kernels_are_exact(build, types, oracle, flags, data):
    library = build(*flags)
    layer, weights, x = draw_int8_case(data.draw, types)
    sums = oracle(layer, weights.levels(layer), x, None, np.int64)
    expected = rounded(layer, weights, sums)
    np.testing.assert_array_equal(library.run(layer, weights, x, mode="_int8"), expected)
    tiled = types.change(layer, rows=data.draw(st.integers(1, 5)))
    for decoded in (False, True):
        found = library.run(tiled, weights, x, mode="_int8", decoded=decoded)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("flags", INT8_BUILDS, ids=" ".join)
@given(data=data)
@MORE
def test_int8_kernels_are_exact_for_depthwise_layers(build, types, oracle, flags, data):
    library = build(*flags)
    layer, weights, x = draw_int8_case(data.draw, types, draw_depthwise_layer)
    sums = oracle(layer, weights.levels(layer), x, None, np.int64)
    expected = rounded(layer, weights, sums)
    tiled = types.change(layer, rows=data.draw(st.integers(0, 5)))
    for decoded in (False, True):
        found = library.run(tiled, weights, x, mode="_int8", decoded=decoded)
        np.testing.assert_array_equal(found, expected)
