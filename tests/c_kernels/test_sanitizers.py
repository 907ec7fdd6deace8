# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Random layers under address and undefined-behaviour sanitizers, and on another processor."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nnabla_compress.c_kernels import KERNELS, source_folder

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LAYERS = 300


@pytest.mark.long
@pytest.mark.parametrize(
    "flags",
    [
        ["-march=native"],
        ["-mavx2"],
        ["-DPACKED_LANES=1", "-DPACKED_PORTABLE"],
        ["-DPACKED_NO_MULTIPLY"],
    ],
)
def test_random_layers_run_clean_and_agree(gcc, tmp_path, flags):
    program = tmp_path / "random_layers"
    sources = [Path(__file__).parent / "random_layers.c", source_folder() / KERNELS[0]]
    command = [gcc, "-O1", "-g", *SANITIZERS, *flags, f"-I{source_folder()}", "-o", str(program)]
    subprocess.run([*command, *map(str, sources), "-lm"], check=True)
    run = subprocess.run([str(program), str(LAYERS)], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert int(run.stdout) > LAYERS // 2


@pytest.mark.long
def test_dot_products_of_another_processor_agree(tmp_path):
    compiler, emulator = "aarch64-linux-gnu-gcc", "qemu-aarch64"
    for program in (compiler, emulator):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    program = tmp_path / "random_layers"
    sources = [Path(__file__).parent / "random_layers.c", source_folder() / KERNELS[0]]
    command = [compiler, "-O2", "-static", "-march=armv8.2-a+dotprod", "-ffp-contract=off"]
    command += [f"-I{source_folder()}", "-o", str(program)]
    subprocess.run([*command, *map(str, sources), "-lm"], check=True)
    run = [emulator, "-cpu", "max", str(program), str(LAYERS)]
    assert int(subprocess.run(run, capture_output=True, check=True).stdout) > LAYERS // 2
