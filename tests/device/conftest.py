# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Boards in tests: where their tools are not installed they are skipped.

Without NNABLART_SOURCE the stand-in for the C runtime takes its place, with the real kernels.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.c_kernels.rewrite import pack_network
from nnabla_compress.device import find_board
from nnabla_compress.device.runtime_source import VARIABLE
from nnabla_compress.device.toolchain import missing_program
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, write_nnb
from nnabla_compress.nnb.function_table import FUNCTIONS

RECORDED = Path(__file__).parents[1] / "data" / "c_runtime"


@pytest.fixture
def no_source(monkeypatch):
    """An environment that names no runtime."""
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def real_source():
    """The runtime's sources, if the environment names them."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} does not name the sources of the C runtime")


@pytest.fixture
def tools():
    """Returns a board if its tools are installed, else the test is skipped."""

    def found(name):
        board = find_board(name)
        missing = missing_program(board)
        if missing is not None:
            pytest.skip(f"{missing} is not installed")
        return board

    return found


@pytest.fixture
def packed():
    """A recorded network with packed weights."""
    return RECORDED / "50_callback_lut4_packed" / "net.nnb"


@pytest.fixture
def int8_layers(tmp_path, rng):
    """A network from int8 to int8 of all kinds of layers with packed weights."""
    window = {"base_axis": 1, "pad": (1, 1), "stride": (1, 1), "dilation": (1, 1)}
    shapes = [(1, 3, 9, 10), (1, 20, 9, 10), (1, 20, 9, 10), (1, 6, 9, 10), (1, 12)]
    layers = [
        ("Convolution", (20, 3, 3, 3), {**window, "group": 1, "channel_last": False}),
        ("DepthwiseConvolution", (20, 3, 3), {**window, "multiplier": 1}),
        (
            "Deconvolution",
            (20, 3, 3, 3),
            {**window, "group": 2, "channel_last": False, "output_padding": (0, 0)},
        ),
        ("Affine", (540, 12), {"base_axis": 1}),
    ]
    variables = [NnbVariable(n, shape, "FIXED8", 4, buffer=n) for n, shape in enumerate(shapes)]
    functions = []
    for number, (name, shape, arguments) in enumerate(layers):
        values = [rng.normal(size=size).astype("<f4") for size in (shape, shapes[number + 1][1])]
        values[0] *= 1 / np.sqrt(540 if name == "Affine" else 60)
        for value in values:
            data = value.tobytes()
            variables.append(NnbVariable(len(variables), value.shape, "FLOAT32", data=data))
        ids = [i for i, known in FUNCTIONS.items() if known.type_name == name]
        used = (number, len(variables) - 2, len(variables) - 1)
        functions.append(NnbFunction(name, max(ids), 0, used, (number + 1,), arguments))
    buffers = tuple((variable.nbytes + 3) // 4 * 4 for variable in variables[:5])
    network = NnbFile(3, 44, buffers, tuple(variables), tuple(functions), (0,), (4,))
    packed, left = pack_network(network)
    assert left == []
    return write_nnb(tmp_path / "int8.nnb", packed)


@pytest.fixture
def relus(tmp_path):
    """A network of two ReLU of floats."""
    variables = tuple(NnbVariable(n, (1, 4), "FLOAT32", buffer=n) for n in range(3))
    calls = tuple(NnbFunction("ReLU", 14, 0, (n,), (n + 1,), {"inplace": False}) for n in (0, 1))
    return write_nnb(
        tmp_path / "relus.nnb", NnbFile(3, 44, (16, 16, 16), variables, calls, (0,), (2,))
    )


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script in the place of a program: ``program(name, lines)``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def write(name, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def x():
    """Two samples of four numbers, each as a batch of one."""
    return [[np.float32([[-1, 0.5, 2, -3]])], [np.float32([[1, -0.5, 0, 3]])]]
