# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The kernels under address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nnabla_compress.c_kernels import KERNELS, source_folder

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LAYERS = 300


@pytest.mark.long
@pytest.mark.parametrize(
    "flags", [["-march=native"], ["-DPACKED_LANES=1"], ["-DPACKED_NO_MULTIPLY"]]
)
def test_random_layers_run_clean_and_agree(gcc, tmp_path, flags):
    program = tmp_path / "random_layers"
    sources = [Path(__file__).parent / "random_layers.c", source_folder() / KERNELS[0]]
    command = [gcc, "-O1", "-g", *SANITIZERS, *flags, f"-I{source_folder()}", "-o", str(program)]
    subprocess.run([*command, *map(str, sources), "-lm"], check=True)
    run = subprocess.run([str(program), str(LAYERS)], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert int(run.stdout) > LAYERS // 2
