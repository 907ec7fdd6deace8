# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One rule says how a sample is stored in an input, in Python and in C."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from nnabla_compress.exporters import export_c
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, stored_input, write_nnb
from nnabla_compress.simulator import Machine

HALVES = [0.49, 0.5, -0.5, 1.5, -1.5, 2.5, 126.5, 127.4, 127.5, -128.4, -129, 1e30, -1e30]
STORED = [0, 1, -1, 2, -2, 3, 127, 127, 127, -128, -128, 127, -128]


def network(type_name, fp_pos):
    x = NnbVariable(0, (1, len(HALVES)), type_name, fp_pos, buffer=0)
    y = NnbVariable(1, x.shape, type_name, fp_pos, buffer=1)
    flip = NnbFunction("Flip", 81, 0, (0,), (1,), {"axes": (1,)})
    size = x.nbytes
    return NnbFile(3, 44, (size, size), (x, y), (flip,), (0,), (1,))


def test_the_nearest_integer_is_taken_halves_away_from_zero_and_limited():
    assert stored_input(HALVES, "FIXED8", 0).tolist() == STORED
    assert stored_input(np.array(HALVES) / 8, "FIXED8", 3).tolist() == STORED
    assert stored_input([40000.0, -0.75, np.nan, np.inf], "FIXED16", 1).tolist() == [
        *(32767, -2, 0, 32767)
    ]
    assert stored_input([0.1], "FLOAT32", 0).dtype == np.float32


def test_the_simulator_feeds_what_a_program_feeds():
    machine = Machine(network("FIXED8", 2))
    sample = np.float32([HALVES]) / 4
    (got,) = machine.run([sample])
    np.testing.assert_array_equal(got[0, ::-1], np.array(STORED) / 4)
    np.testing.assert_array_equal(machine.run_many([sample[None]])[0][0], got)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
@pytest.mark.parametrize("type_name, fp_pos", [("FIXED8", 0), ("FIXED8", 5), ("FIXED16", 9)])
def test_c_source_stores_a_sample_in_the_same_way(tmp_path, type_name, fp_pos):
    _, header, example = export_c(
        tmp_path / "net.c", write_nnb(tmp_path / "net.nnb", network(type_name, fp_pos))
    )
    assert "input[i] = net_input_0_stored(0.0f);" in example.read_text()
    samples = np.concatenate(
        [np.float32(HALVES) / 2**fp_pos, np.random.RandomState(0).randn(200).astype(np.float32)]
    )
    numbers = ", ".join(f"{float(x).hex()}f" for x in samples)
    (tmp_path / "feed.c").write_text(
        f'#include <stdio.h>\n#include "{header.name}"\n'
        f"static const float samples[] = {{{numbers}}};\n"
        "int main(void) {\n"
        "  for (unsigned i = 0; i < sizeof samples / sizeof *samples; i++)\n"
        '    printf("%d\\n", net_input_0_stored(samples[i]));\n'
        "  return 0;\n}\n"
    )
    strict = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(
        [*strict, str(tmp_path / "feed.c"), "-o", str(tmp_path / "feed"), "-lm"],
        check=True, timeout=60,
    )  # fmt: skip
    printed = subprocess.run([str(tmp_path / "feed")], capture_output=True, text=True, timeout=60)
    stored = [int(line) for line in printed.stdout.split()]
    assert stored == stored_input(samples, type_name, fp_pos).tolist()
