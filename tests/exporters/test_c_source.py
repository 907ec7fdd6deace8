# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_c, export_nnb, export_nnp
from nnabla_compress.exporters.c_source import compile_command
from nnabla_compress.nnb import NnbFile, NnbVariable, read_nnb, write_nnb
from nnabla_compress.quantizers import LUT

# What the example uses of the runtime's public headers.
NETWORK_H = "typedef struct { unsigned version; } nn_network_t;\n"
RUNTIME_H = """
#include <stddef.h>
#include <nnablart/network.h>
typedef void *rt_context_pointer;
typedef enum { RT_RET_NOERROR = 0, RT_RET_ERROR = -1 } rt_return_value_t;
rt_return_value_t rt_allocate_context(rt_context_pointer *context);
rt_return_value_t rt_initialize_context(rt_context_pointer context, nn_network_t *network);
rt_return_value_t rt_free_context(rt_context_pointer *context);
rt_return_value_t rt_forward(rt_context_pointer context);
void *rt_input_buffer(rt_context_pointer context, size_t index);
void *rt_output_buffer(rt_context_pointer context, size_t index);
"""
# A runtime that checks the calls and answers with the first word of the network.
RUNTIME_C = """
#include <nnablart/runtime.h>
static float numbers[4096];
static int steps;
rt_return_value_t rt_allocate_context(rt_context_pointer *c) { steps = 1; *c = &steps; return 0; }
rt_return_value_t rt_initialize_context(rt_context_pointer c, nn_network_t *n) {
  numbers[0] = (float)n->version;
  return steps++ == 1 && (size_t)n % 4 == 0 ? RT_RET_NOERROR : RT_RET_ERROR;
}
void *rt_input_buffer(rt_context_pointer c, size_t i) { return numbers + 16; }
rt_return_value_t rt_forward(rt_context_pointer c) { return steps++ == 2 ? 0 : RT_RET_ERROR; }
void *rt_output_buffer(rt_context_pointer c, size_t i) { return numbers; }
rt_return_value_t rt_free_context(rt_context_pointer *c) { *c = 0; return RT_RET_NOERROR; }
"""


@pytest.fixture
def nnb(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    h = F.relu(PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=4), name="c"))
    export_nnp(tmp_path / "net.nnp", {"y": PF.affine(h, 3, name="f"), "h": h}, {"x": x})
    return export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")


def test_the_array_holds_the_file(nnb, tmp_path):
    source, header, example = export_c(tmp_path / "lenet-4bit.c", nnb)
    assert header.name == "lenet-4bit.h" and example.name == "lenet-4bit_main.c"
    words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})u", source.read_text())]
    content = struct.pack(f"<{len(words)}I", *words)
    assert content[: nnb.stat().st_size] == nnb.read_bytes()
    text = header.read_text()
    assert f"#define LENET_4BIT_BYTES {nnb.stat().st_size}\n" in text
    assert f"#define LENET_4BIT_BUFFER_BYTES {read_nnb(nnb).buffer_bytes}\n" in text
    assert "#define LENET_4BIT_OUTPUTS 2\n" in text
    assert "extern const uint32_t lenet_4bit[" in text


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_it_compiles_without_a_warning_and_calls_the_runtime_in_order(nnb, tmp_path):
    sources = export_c(tmp_path / "net.c", nnb)
    headers = tmp_path / "include" / "nnablart"
    headers.mkdir(parents=True)
    (headers / "network.h").write_text("#pragma once\n" + NETWORK_H)
    (headers / "runtime.h").write_text("#pragma once\n" + RUNTIME_H)
    (tmp_path / "runtime.c").write_text(RUNTIME_C)
    include = ["-I", str(tmp_path / "include")]
    for source in (sources[0], sources[2]):
        strict = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", *include]
        made = [*strict, "-c", str(source), "-o", str(source.with_suffix(".o"))]
        done = subprocess.run(made, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    objects = [str(sources[i].with_suffix(".o")) for i in (0, 2)]
    program = str(tmp_path / "program")
    build = ["gcc", *include, str(tmp_path / "runtime.c"), *objects, "-o", program]
    subprocess.run(build, check=True, timeout=60)
    ran = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and ran.stdout.splitlines()[0] == "3"
    assert len(ran.stdout.splitlines()) == 3 + 16 * 4 * 4


def test_integer_inputs_and_outputs_have_integer_types(tmp_path):
    x = NnbVariable(0, (1, 4), "FIXED8", 5, buffer=0)
    y = NnbVariable(1, (1, 4), "FIXED16", 3, buffer=1)
    network = NnbFile(3, 44, (4, 8), (x, y), (), (0,), (1,))
    _, header, example = export_c(tmp_path / "n.c", write_nnb(tmp_path / "n.nnb", network))
    assert "typedef int8_t n_input_0_t;" in header.read_text()
    assert "typedef int16_t n_output_0_t;" in header.read_text()
    assert "output[i] / 8.0" in example.read_text()


def test_wrong_paths_are_refused_and_leave_no_file(tmp_path):
    with pytest.raises(ConfigError, match="does not end in .c"):
        export_c(tmp_path / "net.h", tmp_path / "net.nnb")
    with pytest.raises(DataError):
        export_c(tmp_path / "net.c", tmp_path / "net.nnb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("cc") is None, reason="no cc")
def test_the_command_that_is_printed_compiles_what_was_written(nnb, tmp_path):
    folder = tmp_path / "my out"
    folder.mkdir()
    paths = export_c(folder / "lenet-4bit.c", nnb)
    assert "Build it together with lenet-4bit.c," in paths[2].read_text()
    runtime = tmp_path / "runtime"
    headers = runtime / "include" / "nnablart"
    headers.mkdir(parents=True)
    (headers / "network.h").write_text("#pragma once\n" + NETWORK_H)
    (headers / "runtime.h").write_text("#pragma once\n" + RUNTIME_H)
    (tmp_path / "runtime.c").write_text(RUNTIME_C)
    for part in ("runtime", "functions"):
        library = runtime / "build" / "src" / part / f"libnnablart_{part}.a"
        library.parent.mkdir(parents=True)
        source = tmp_path / "runtime.c" if part == "runtime" else tmp_path / "empty.c"
        (tmp_path / "empty.c").write_text("typedef int nothing;\n")
        made = ["cc", f"-I{runtime / 'include'}", "-c", str(source), "-o", str(tmp_path / "o.o")]
        subprocess.run(made, check=True, timeout=60)
        subprocess.run(["ar", "rc", str(library), str(tmp_path / "o.o")], check=True, timeout=60)
    environment = {**os.environ, "NNABLA_C_RUNTIME": str(runtime)}
    command = compile_command(paths)
    done = subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (command, done.stderr)
    ran = subprocess.run([str(folder / "lenet-4bit")], capture_output=True, timeout=60)
    assert ran.returncode == 0


def test_packed_networks_are_compiled_with_their_kernels(tmp_path):
    names = ("packed_kernels.c", "packed_kernels.h", "packed_nnablart.c", "packed_main.c")
    kernels = [tmp_path / name for name in names]
    command = compile_command([tmp_path / "net.nnp", *kernels])
    assert " packed_main.c packed_nnablart.c packed_kernels.c " in command
    command = compile_command([*kernels, tmp_path / "net.c", tmp_path / "net_main.c"])
    assert " net_main.c net.c packed_nnablart.c packed_kernels.c " in command
    assert "packed_main.c" not in command and command.endswith("-o net")
    assert compile_command([tmp_path / "net.nnp"]) is None
