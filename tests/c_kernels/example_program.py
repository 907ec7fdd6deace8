# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compiles the example program of the kernels with a C runtime, or with a stand-in for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS, source_folder

STUB = Path(__file__).parent / "stub_runtime"
SOURCES = [EXAMPLE[0], GLUE[0], KERNELS[0]]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_example(gcc, program, include, *rest):
    sources = [str(source_folder() / name) for name in SOURCES]
    command = [gcc, "-std=c99", "-O2", f"-I{include}", "-o", str(program), *sources, *rest]
    subprocess.run(command, check=True)
    return program
