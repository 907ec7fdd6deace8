# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The build without multiplications: the same bits, and none in the inner loops' object code."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from nnabla_compress.c_kernels import KERNELS, source_folder
from tests.properties import examples

INNER = [
    "sum_of_taps",
    "sum_of_products",
    "unusual_product",
    "add_by_entry",
    "add_row_int8",
    "add_row_int16",
    "add_products_int8",
    "add_products_int16",
]
MULTIPLICATION = re.compile(r"mul|fma|mla|mls|smla|smls|madd|msub|div")
MORE = examples(
    60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def library(build):
    return build("-O2", "-DPACKED_NO_MULTIPLY")


def powers(rng, shape, low, high):
    signs = rng.choice([-1.0, 1.0, 0.0], shape, p=[0.45, 0.45, 0.1])
    return (signs * 2.0 ** rng.randint(low, high, shape)).astype(np.float32)


def unusual(rng, shape):
    x = (rng.normal(size=shape) * 2.0 ** rng.randint(-149, 120, shape)).astype(np.float32)
    special = np.float32([0.0, -0.0, 1e-45, -1e-45, 1.1754942e-38, 3.4028235e38, np.inf, -np.inf])
    return np.where(rng.rand(*shape) < 0.3, rng.choice(special, shape), x)


@given(seed=st.integers(0, 2**32 - 1), kind=st.integers(0, 2), exponents=st.integers(1, 126))
@MORE
def test_products_by_exponent_are_those_of_the_multiplier(
    library, types, oracle, seed, kind, exponents
):
    rng = np.random.RandomState(seed)
    # One product an output: a sum would hide what happens to small ones.
    layer = types.layer(kind, 1, 3, in_size=(4, 9) if kind != types.affine else (1, 1), batch=2)
    dictionary = powers(rng, (16,), -exponents, exponents + 1)
    weights = types.weights(rng.randint(0, 16, layer.weight_shape), 4, dictionary)
    x = unusual(rng, layer.x_shape)
    with np.errstate(all="ignore"):
        expected = oracle(layer, weights.values(layer), x, None, np.float32)
    np.testing.assert_array_equal(library.run(layer, weights, x), expected)


@given(seed=st.integers(0, 2**32 - 1), kind=st.integers(0, 2), bits=st.integers(1, 8))
@MORE
def test_layers_have_the_bits_of_the_build_with_multiplications(
    library, types, oracle, seed, kind, bits
):
    rng = np.random.RandomState(seed)
    size = (1, 1) if kind == types.affine else (6, 7)
    kernel = (1, 1) if kind == types.affine else (3, 2)
    layer = types.layer(kind, 5, 4, in_size=size, kernel=kernel, coefficient=0.125)
    weights = types.weights(
        rng.randint(0, 2**bits, layer.weight_shape),
        bits,
        powers(rng, (2**bits,), 0, 7),
        abs(powers(rng, (4,), -4, -1)),
    )
    bias = rng.normal(size=4).astype(np.float32)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    expected = oracle(layer, weights.values(layer), x, bias, np.float32)
    np.testing.assert_array_equal(library.run(layer, weights, x, bias), expected)
    np.testing.assert_allclose(library.run(layer, weights, x, bias, "_fast"), expected, 1e-4, 1e-3)

    codes = rng.randint(-128, 128, layer.x_shape).astype(np.int8)
    sums = oracle(layer, weights.levels(layer), codes, None, np.int64)
    maps = np.arange(4).reshape(1, 1, 4, 1, 1)
    expected = sums.astype(np.float32) * (weights.scale_of(maps) * np.float32(0.125)) + bias[maps]
    np.testing.assert_array_equal(library.run(layer, weights, codes, bias, "_integer"), expected)


def test_an_affine_layer_adds_the_inputs_of_an_entry_first(library, types):
    # 2^24 + 1 is no float: only a sum that adds the two small inputs to each other keeps both.
    layer = types.layer(types.affine, 64, 1)
    codes = np.zeros(layer.weight_shape, int)
    codes.ravel()[:3] = 1, 2, 2
    dictionary = np.float32([0, 1, 1, 0])
    x = np.zeros(layer.x_shape, np.float32)
    x.ravel()[:3] = 2.0**24, 1, 1
    weights = types.weights(codes, 2, dictionary)
    assert library.run(layer, weights, x, mode="").item() == 2.0**24
    assert library.run(layer, weights, x, mode="_fast").item() == 2.0**24 + 2


@pytest.mark.parametrize("level", [3.0, 0.75, np.inf, np.nan, 1e-40])
def test_other_levels_are_refused(library, types, level):
    layer = types.layer(types.affine, 4, 4)
    dictionary = np.float32([0, 1, -2, level])
    weights = types.weights(np.zeros(layer.weight_shape, int), 2, dictionary)
    status = library.check(layer, weights)
    assert library.c.packed_message(status).startswith(b"built without multiplication")


def inner_code(tools, flags, folder):
    """The instructions of each function, compiled with some flags; parts that GCC split off too."""
    compiler, objdump = tools
    compiled = folder / "kernels.o"
    source = str(source_folder() / KERNELS[0])
    subprocess.run([compiler, "-c", *flags, source, "-o", str(compiled)], check=True)
    command = [objdump, "-d", "-r", "--no-show-raw-insn", str(compiled)]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
    functions = re.split(r"^[0-9a-f]+ <(.+)>:\n", listing, flags=re.MULTILINE)
    code = {}
    for name, instructions in zip(functions[1::2], functions[2::2]):
        name = name.split(".")[0]
        code[name] = code.get(name, "") + instructions
    return code


TARGETS = {
    "x86-64 -O2": ("", ["-O2"]),
    "native -O3": ("", ["-O3", "-march=native"]),
    "Cortex-M4F": ("arm-none-eabi-", ["-Os", "-mthumb", "-mcpu=cortex-m4", "-mfloat-abi=hard"]),
    "Cortex-M0": ("arm-none-eabi-", ["-Os", "-mthumb", "-mcpu=cortex-m0"]),
}


@pytest.fixture(params=TARGETS)
def target(request):
    prefix, flags = TARGETS[request.param]
    tools = prefix + "gcc", prefix + "objdump"
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return tools, flags


def test_the_inner_loops_hold_no_multiplication(target, tmp_path):
    tools, flags = target
    code = inner_code(tools, [*flags, "-DPACKED_NO_MULTIPLY"], tmp_path)
    found = {name: MULTIPLICATION.findall(code[name]) for name in INNER}
    assert found == {name: [] for name in INNER}


def test_the_search_finds_the_multiplications_of_the_ordinary_build(target, tmp_path):
    tools, flags = target
    code = inner_code(tools, flags, tmp_path)
    assert MULTIPLICATION.search("".join(code.values()))
