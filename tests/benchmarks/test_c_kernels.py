# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The fast C kernels against the plain loop, on the layers of ResNet-20 with 4-bit weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "measure_c_kernels.py"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_fast_kernels_and_int8_depthwise_ones_take_at_most_a_quarter_of_the_plain_loop(tmp_path):
    file = tmp_path / "measured.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--json", str(file)], stdout=subprocess.PIPE, check=True
    )
    print("\n" + done.stdout.decode())
    measured = json.loads(file.read_text())
    for row in (*measured["times"], measured["times_of_network"]):
        assert row["exact_ns"] >= 4 * row["fast_ns"], row
    for row in (*measured["times_depthwise"], *measured["times_depthwise_avx2"]):
        assert row["exact_ns"] >= 4 * row["int8_ns"], row
    for name, size in measured.get("code_bytes", {}).items():
        print(f"{name}: {size} bytes of code on a Cortex-M4F")
