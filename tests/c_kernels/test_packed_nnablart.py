# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The glue to the C runtime: on a stand-in for it, and on the real one where installed."""

from __future__ import annotations

import os
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS, copy_sources, source_folder
from nnabla_compress.c_kernels.layout import IMPLEMENT, PackedWeights
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, read_nnb, to_bytes
from tests.c_kernels.example_program import SANITIZERS, STUB, WARNINGS

VECTOR = Path(__file__).parents[1] / "data" / "c_runtime" / "50_callback_lut4_packed"


def run(program, folder, mode, network, *inputs):
    """Writes network and inputs, runs them, and returns exit status, messages and first output."""
    (folder / "net.nnb").write_bytes(network)
    files = []
    for number, x in enumerate(inputs):
        files.append(folder / f"in_{number}.bin")
        files[-1].write_bytes(x.tobytes())
    command = [program, mode, folder / "net.nnb", *files, folder / "out"]
    done = subprocess.run([str(part) for part in command], stderr=subprocess.PIPE, check=False)
    output = folder / "out_0.bin"
    y = np.frombuffer(output.read_bytes(), np.float32) if output.is_file() else None
    return done.returncode, done.stderr.decode(), y


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("runtime", ["stub", "real"])
def test_the_recorded_network_is_reproduced(request, tmp_path, runtime, mode):
    program = request.getfixturevalue(runtime)
    network = (VECTOR / "net.nnb").read_bytes()
    with np.load(VECTOR / "in.npz") as inputs, np.load(VECTOR / "out.npz") as outputs:
        for x, expected in zip(inputs["x"], outputs["y"]):
            status, messages, y = run(program, tmp_path, mode, network, x)
            assert (status, messages) == (0, "")
            if mode == "exact":
                np.testing.assert_array_equal(y, expected.ravel())
            else:
                np.testing.assert_allclose(y, expected.ravel(), 1e-5, 1e-5)


LAYERS = {
    "Convolution": (265, (2, 6, 5, 7), (4, 3, 3, 2), {"pad": (1, 0), "stride": (2, 1), "group": 2}),
    "Convolution of API level 1": (1, (1, 3, 9), (4, 3, 3), {"dilation": (2,)}),
    "DepthwiseConvolution": (2, (1, 3, 6, 6), (6, 3, 3), {"pad": (1, 1), "multiplier": 2}),
    "Deconvolution": (292, (1, 4, 3, 5), (4, 3, 3, 2), {"stride": (2, 2), "group": 2}),
    "Affine": (0, (2, 3, 4), (5, 12), {}),
}


def one_layer(types, rng, name, dtype="FLOAT32", bits=3, bias=True):
    """A network of one packed layer: the file, the layer for the oracle, weights, input, bias."""
    function, x_shape, w_shape, given = LAYERS[name]
    arguments = {"base_axis": 1}
    spatial = len(x_shape) - 2
    if function == 0:
        layer = types.layer(types.affine, 12, 5, batch=2)
    else:
        for key, value in (("pad", 0), ("stride", 1), ("dilation", 1)):
            arguments[key] = tuple(given.get(key, (value,) * spatial))
        group = given.get("group", 1)
        arguments.update(group=group, channel_last=False, output_padding=(0,) * spatial)
        arguments["multiplier"] = given.get("multiplier", 1)
        groups = x_shape[1] if function == 2 else group
        out = w_shape[1] if function == 292 else w_shape[0] // groups
        two = [(1,) * (2 - spatial) + tuple(sizes) for sizes in (x_shape[2:], w_shape[-spatial:])]
        pairs = {
            k: (int(k != "pad"),) * (2 - spatial) + arguments[k]
            for k in ("pad", "stride", "dilation")
        }
        layer = types.layer(
            types.deconvolution if function == 292 else types.convolution,
            x_shape[1] // groups,
            out,
            batch=x_shape[0],
            groups=groups,
            in_size=two[0],
            kernel=two[1],
            **pairs,
        )
    maps = layer.groups * layer.out_maps
    codes = rng.randint(0, 2**bits, layer.weight_shape)
    dictionary = rng.randint(-9, 9, (maps, 2**bits)).astype(np.float32)
    scales = rng.uniform(0.1, 1, 1).astype(np.float32)
    weights = types.weights(codes, bits, dictionary, scales)
    packed = PackedWeights(codes, bits, dictionary, scales)
    b = rng.normal(size=maps).astype(np.float32)
    description = packed.description()
    y_shape = (layer.batch, maps, *layer.out_size[2 - spatial :]) if function else (2, 5)
    itemsize = {"FLOAT32": 4, "FIXED8": 1, "FIXED16": 2}[dtype]
    x_bytes, y_bytes = int(np.prod(x_shape)) * itemsize, int(np.prod(y_shape)) * 4
    variables = (
        NnbVariable(0, x_shape, dtype, 3 if dtype != "FLOAT32" else 0, buffer=0),
        NnbVariable(1, w_shape, "FIXED8", data=packed.code_bytes()),
        NnbVariable(2, (maps,), "FLOAT32", data=b.tobytes()),
        NnbVariable(3, (len(description),), "FIXED8", data=description),
        NnbVariable(4, y_shape, "FLOAT32", buffer=1),
    )
    inputs = (0, 1, 2, 3) if bias else (0, 1, 3, 3)
    call = NnbFunction(name.split()[0], function, IMPLEMENT, inputs, (4,), arguments)
    file = NnbFile(3, 44, (x_bytes, y_bytes), variables, (call,), (0,), (4,))
    return file, layer, weights, b if bias else None


@pytest.mark.parametrize("runtime", ["stub", "real"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_runs_from_a_file(request, tmp_path, types, oracle, rng, runtime, name, bias):
    file, layer, weights, b = one_layer(types, rng, name, bias=bias)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    program = request.getfixturevalue(runtime)
    status, messages, y = run(program, tmp_path, "exact", to_bytes(file), x)
    assert (status, messages) == (0, "")
    expected = oracle(layer, weights.values(layer), x, b, np.float32)
    np.testing.assert_array_equal(y, expected.ravel())


@pytest.mark.parametrize("runtime", ["stub", "real"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["FIXED8", "FIXED16"])
def test_integer_activations_run_from_a_file(
    request, tmp_path, types, oracle, rng, runtime, name, dtype
):
    file, layer, weights, b = one_layer(types, rng, name, dtype)
    x = rng.randint(-128, 128, layer.x_shape).astype("i1" if dtype == "FIXED8" else "i2")
    program = request.getfixturevalue(runtime)
    status, messages, y = run(program, tmp_path, "fast", to_bytes(file), x)
    assert (status, messages) == (0, "")
    sums = oracle(layer, weights.levels(layer), x, None, np.int64).astype(np.float32)
    expected = sums * (weights.scales[0] * np.float32(0.125)) + b.reshape(1, layer.groups, -1, 1, 1)
    np.testing.assert_array_equal(y, expected.ravel())


@pytest.mark.parametrize("name", ["Convolution", "Deconvolution"])
def test_bounded_scratch_memory_gives_the_same_bits_or_is_refused(stub, tmp_path, types, rng, name):
    file, layer, weights, b = one_layer(types, rng, name)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    network = to_bytes(file)
    expected = run(stub, tmp_path, "fast", network, x)
    assert expected[:2] == (0, "")
    statuses = []
    for limit in range(2000, 4500, 100):
        (tmp_path / "out_0.bin").unlink(missing_ok=True)
        status, messages, y = run(stub, tmp_path, f"fast:{limit}", network, x)
        statuses.append(status)
        if status == 0:
            np.testing.assert_array_equal(y, expected[2])
        else:
            assert messages == (
                "function 0: even a single row of it takes more scratch memory than the limit\n"
            )
    assert statuses[0] == 1 and statuses[-1] == 0 and statuses == sorted(statuses, reverse=True)


def damaged(file, number, **changes):
    variables = list(file.variables)
    variables[number] = replace(variables[number], **changes)
    return to_bytes(replace(file, variables=tuple(variables)))


WRONG_SIZE = "function 0: the packed weights or their table have another size than the shapes say\n"
WRONG_SHAPE = "function 0: the shapes of input, output and weight do not fit together\n"
WRONG_TEXT = "function 0: the description of the packed weights is damaged or of another version\n"
WRONG_MEMORY = (
    "function 0: a variable has less memory than its shape says, or the output no buffer of its "
    "own\n"
)


@pytest.mark.parametrize("name", ["Convolution", "Affine", "Deconvolution"])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_sizes_that_disagree_are_refused_at_start_up(stub, tmp_path, types, rng, name, mode):
    file, layer, _, _ = one_layer(types, rng, name)
    x = np.zeros(layer.x_shape, np.float32)
    codes, description = file.variables[1].data, file.variables[3].data
    shape = file.variables[1].shape
    roomy = replace(file, buffers=(4096, 4096))
    cases = [
        (damaged(file, 1, data=codes[:-4]), WRONG_SIZE),
        (damaged(file, 1, data=codes + bytes(4)), WRONG_SIZE),
        (damaged(file, 3, data=description[:-4]), WRONG_MEMORY),
        (damaged(file, 3, data=description[:-4], shape=(len(description) - 4,)), WRONG_SIZE),
        (damaged(file, 3, data=description[:12], shape=(12,)), WRONG_TEXT),
        (damaged(file, 3, data=bytes([1, 4]) + description[2:]), WRONG_SIZE),
        (damaged(file, 3, data=bytes([7]) + description[1:]), WRONG_TEXT),
        (damaged(file, 2, shape=(99,)), WRONG_MEMORY),
        (damaged(file, 2, shape=(99,), data=bytes(4 * 99)), WRONG_SHAPE),
        (damaged(roomy, 4, shape=(2, 7, 7, 7)[: len(file.variables[4].shape)]), None),
    ]
    if name != "Affine":
        cases.append((damaged(file, 1, shape=(shape[0] + 1, *shape[1:])), WRONG_SHAPE))
        cases.append((damaged(file, 1, shape=(*shape[:-1], shape[-1] + 1)), None))
    for network, message in cases:
        status, messages, y = run(stub, tmp_path, mode, network, x)
        assert (status, y) == (1, None)
        assert messages.startswith("function 0: ") and messages == (message or messages)


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("name", LAYERS)
def test_memory_that_is_no_variables_own_is_refused(stub, tmp_path, types, rng, name, mode):
    file, layer, _, _ = one_layer(types, rng, name)
    x = np.zeros(layer.x_shape, np.float32)
    x_bytes, y_bytes = file.buffers
    cases = [
        damaged(file, 4, buffer=None, data=bytes(y_bytes)),
        damaged(replace(file, buffers=(max(x_bytes, y_bytes), y_bytes)), 4, buffer=0),
        damaged(file, 4, buffer=2),
        damaged(file, 2, buffer=1, data=None),
        damaged(file, 0, buffer=None, data=bytes(x_bytes)),
        damaged(file, 0, shape=(*file.variables[0].shape, 2**31 - 1)),
        damaged(file, 4, shape=(2**31 - 1, 2**31 - 1, 2**31 - 1)),
        to_bytes(replace(file, buffers=(x_bytes - 1, y_bytes))),
        to_bytes(replace(file, buffers=(x_bytes, y_bytes - 1))),
        to_bytes(replace(file, buffers=(x_bytes, -1))),
    ]
    for number, network in enumerate(cases):
        status, messages, y = run(stub, tmp_path, mode, network, x)
        assert (status, y) == (1, None), number
        assert messages.startswith(("network: ", "function 0: ")) and messages.count("\n") == 1


def word(content, at, value):
    """A copy with another number at a byte."""
    return content[:at] + struct.pack("<I", value % 2**32) + content[at + 4 :]


def test_numbers_that_lead_out_of_the_image_are_refused(stub, tmp_path, types, rng):
    file, layer, _, _ = one_layer(types, rng, "Convolution")
    x = np.zeros(layer.x_shape, np.float32)
    content = to_bytes(file)
    (data, size), (functions,) = (
        struct.unpack_from("<II", content, 48),
        struct.unpack_from("<I", content, 28),
    )
    table = 56
    (record,) = struct.unpack_from(
        "<I",
        content,
        table + 4 * data + struct.unpack_from("<I", content, table + 4 * functions)[0],
    )
    entries = [8 + 8 * pair for pair in range(5)]
    cases = [word(content, at, 2**30) for at in entries]
    cases += [word(content, at + 4, bad) for at in entries for bad in (data, -1, 2**31)]
    cases += [word(content, table + 4 * i, size - 2) for i in range(data)]
    cases += [word(content, table + 4 * i, size) for i in range(data - 1)]
    cases += [word(content, table + 4 * record, size - bytes_left) for bytes_left in (4, 20, 44)]
    for damage in cases:
        status, messages, y = run(stub, tmp_path, "exact", damage, x)
        assert status == 1 or damage == content, messages
        assert y is None


@pytest.mark.parametrize("axis", [-1, 4, 2**31 - 1, -(2**31), 2**31 - 3])
@pytest.mark.parametrize("name", ["Convolution", "Affine"])
def test_axes_outside_the_shape_are_refused(stub, tmp_path, types, rng, name, axis):
    file, layer, _, _ = one_layer(types, rng, name)
    x = np.zeros(layer.x_shape, np.float32)
    (call,) = file.functions
    call = replace(call, arguments={**call.arguments, "base_axis": axis})
    network = to_bytes(replace(file, functions=(call,)))
    status, messages, _ = run(stub, tmp_path, "fast", network, x)
    assert status == 1 and messages.startswith("function 0: ")


def test_a_shorter_image_is_refused(stub, tmp_path, types, rng):
    file, layer, _, _ = one_layer(types, rng, "Affine")
    x = np.zeros(layer.x_shape, np.float32)
    for cut in (-4, 40, 4):
        status, messages, _ = run(stub, tmp_path, "exact", to_bytes(file)[:cut], x)
        assert (status, messages) == (1, "network: the image is shorter than it says\n")


def test_a_refusal_of_the_runtime_is_told(stub, tmp_path, types, rng):
    file, layer, _, _ = one_layer(types, rng, "Affine")
    x = np.zeros(layer.x_shape, np.float32)
    status, messages, _ = run(stub, tmp_path, "exact", to_bytes(replace(file, api_level=45)), x)
    assert status == 1 and messages.startswith("network: the runtime refuses it")


def test_marks_on_other_functions_are_told(stub, tmp_path):
    recorded = read_nnb(VECTOR / "net.nnb")
    functions = list(recorded.functions)
    functions[1] = replace(functions[1], implement=IMPLEMENT)
    x = np.zeros((1, 1, 16, 16), np.float32)
    network = to_bytes(replace(recorded, functions=tuple(functions)))
    status, messages, _ = run(stub, tmp_path, "exact", network, x)
    assert status == 1
    assert messages == (
        "function 1: a function, data type or layout that the packed kernels do not have\n"
    )


READ_IMAGE = """
#include <stdio.h>
#include "packed_nnablart.h"
static int32_t image[16384];
static void report(int function, const char *message) { printf("%d: %s\\n", function, message); }
static size_t read_image(const char *path) {
  FILE *file = fopen(path, "rb");
  size_t bytes = fread(image, 1, sizeof image, file);
  fclose(file);
  return bytes;
}
"""


def lines_of(gcc, folder, main):
    """What a program prints whose ``main`` starts with the recorded network in ``image``."""
    source, program = folder / "main.c", folder / "main"
    source.write_text(READ_IMAGE + main)
    glue = [str(source_folder() / name) for name in (GLUE[0], KERNELS[0])]
    include = [f"-I{STUB}", f"-I{source_folder()}"]
    flags = ["-std=c99", *WARNINGS, *SANITIZERS, *include]
    sources = [str(source), *glue, str(STUB / "runtime.c")]
    subprocess.run([gcc, *flags, "-o", str(program), *sources], check=True)
    # A context that the runtime refuses is never freed.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        [str(program), str(VECTOR / "net.nnb")],
        stdout=subprocess.PIPE,
        check=True,
        env=environment,
    )
    return done.stdout.decode().splitlines()


def test_the_self_test_reports_a_missing_registration(gcc, tmp_path):
    main = """
int main(int argc, char **argv) {
  size_t bytes = read_image(argv[argc - 1]);
  rt_context_pointer context;
  rt_allocate_context(&context);
  rt_initialize_context(context, (nn_network_t *)image);
  printf("%d\\n", packed_self_test(image, bytes, report));
  rt_free_context(&context);
  return 0;
}
"""
    *lines, count = lines_of(gcc, tmp_path, main)
    assert [line.split(":")[0] for line in lines] == ["0", "3", "6", "8"] and count == "4"


def test_what_a_refused_context_registered_is_forgotten(gcc, tmp_path):
    main = """
extern int stub_refuses;
int main(int argc, char **argv) {
  size_t bytes = read_image(argv[argc - 1]);
  rt_context_pointer first, context;
  int result;
  if (packed_start(&first, image, bytes, packed_register_fast, report) != RT_RET_NOERROR) return 1;
  stub_refuses = 1;
  result = packed_start(&context, image, bytes, packed_register_exact, NULL);
  printf("refused %d\\n", result != RT_RET_NOERROR && context == NULL);
  printf("the first runs %d\\n", rt_forward(first) == RT_RET_NOERROR);
  rt_free_context(&first);
  packed_start(&context, image, bytes, packed_register_exact, NULL);
  stub_refuses = 0;
  rt_allocate_context(&context);
  rt_initialize_context(context, (nn_network_t *)image);
  printf("wrong %d\\n", packed_self_test(image, bytes, NULL));
  rt_free_context(&context);
  return 0;
}
"""
    assert lines_of(gcc, tmp_path, main) == ["refused 1", "the first runs 1", "wrong 4"]


def test_the_scratch_memory_is_allocated_once_for_the_largest_layer(gcc, tmp_path):
    main = """
#include <stdlib.h>
static size_t scratch_bytes;
static int of_scratch, others_freed;
static void *allocate(size_t bytes) { of_scratch += bytes > 1000; return malloc(bytes); }
static void release(void *memory) { others_freed++; free(memory); }
int main(int argc, char **argv) {
  size_t bytes = read_image(argv[argc - 1]);
  rt_context_pointer context;
  rt_malloc_func = allocate;
  rt_free_func = release;
  packed_start(&context, image, bytes, packed_register_fast, report);
  scratch_bytes = packed_scratch_of(image);
  printf("%d %d %d\\n", scratch_bytes > 1000, of_scratch, others_freed);
  rt_forward(context);
  printf("%d\\n", of_scratch);
  rt_free_context(&context);
  printf("%d\\n", (int)packed_scratch_of(image));
  return 0;
}
"""
    assert lines_of(gcc, tmp_path, main) == ["1 1 0", "1", "0"]


def test_the_check_of_an_image_needs_no_context(gcc, tmp_path):
    main = """
int main(int argc, char **argv) {
  size_t bytes = read_image(argv[argc - 1]);
  printf("%d\\n", packed_check_image(image, bytes, report));
  ((nn_network_t *)image)->variables.size = 1;
  printf("%d\\n", packed_check_image(image, bytes, report) > 0);
  printf("%d\\n", packed_check_image(image, 16, report));
  printf("%d\\n", packed_check_image((char *)image + 2, bytes - 2, report));
  return 0;
}
"""
    assert lines_of(gcc, tmp_path, main) == [
        "0",
        "-1: an output of the network is damaged",
        "1",
        "-1: the image is shorter than it says",
        "1",
        "-1: the image is not aligned to 4 bytes",
        "1",
    ]


def test_all_sources_are_copied(tmp_path):
    copies = copy_sources(tmp_path / "c")
    assert sorted(p.name for p in copies) == sorted([*KERNELS, *GLUE, *EXAMPLE])
    assert all(p.read_bytes() == (source_folder() / p.name).read_bytes() for p in copies)
