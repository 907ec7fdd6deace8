# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Folders of firmware, which build as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.device import write_firmware
from nnabla_compress.errors import ConfigError
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

RECORDED = Path(__file__).parents[1] / "data" / "c_runtime"
PAGE = Path(__file__).parents[2] / "docs" / "device.md"


def numbers(text, name):
    (found,) = re.findall(rf"{name}\[\] .*?{{\n(.*?)}};", text, re.S)
    return bytes(int(word) for word in re.findall(r"\d+", found))


def test_a_folder_has_the_network_its_kernels_and_a_sample_with_what_comes_out(tmp_path, packed):
    paths = write_firmware(tmp_path / "fw", packed)
    names = {path.relative_to(tmp_path / "fw").as_posix() for path in paths}
    assert names == {
        *("main.c", "Makefile", "CMakeLists.txt", "sample.h", "network.c", "network.h"),
        *("board/board.h", "board/board.ld", "board/cortex_m.c", "config/nnablart/config.h"),
        *("packed_kernels.c", "packed_kernels.h", "packed_nnablart.c", "packed_nnablart.h"),
        *("packed_image.h", "packed_between.h", "packed_rows.h", "packed_table.h"),
        *("packed_dot.h", "packed_wide.h", "packed_depthwise.h"),
    }
    made = (tmp_path / "fw/Makefile").read_text()
    assert "\nINT8 = 0\n" in made and "\nEMBED = 0\n" in made
    text = (tmp_path / "fw/sample.h").read_text()
    x = np.frombuffer(numbers(text, "sample_input_0"), "<f4").reshape(1, 1, 16, 16)
    (y,) = Machine(packed, callbacks=PACKED_CALLBACKS).forward([x])
    assert numbers(text, "sample_output_0") == y.tobytes()


def test_kernels_from_int8_to_int8_are_held_where_they_are_needed(tmp_path, int8_layers):
    write_firmware(tmp_path / "fw", int8_layers)
    assert "\nINT8 = 1\n" in (tmp_path / "fw/Makefile").read_text()


def test_a_network_without_packed_weights_needs_no_kernels(tmp_path, relus):
    paths = write_firmware(tmp_path / "fw", relus)
    assert not any(path.name.startswith("packed") for path in paths)
    config = (tmp_path / "fw/config/nnablart/config.h").read_text()
    assert re.findall(r"CONFIG_RELU\w*", config) == ["CONFIG_RELU", "CONFIG_RELU_FLOAT32"]


def test_a_folder_that_cant_be_written_to_is_told(tmp_path, relus):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        write_firmware(tmp_path / "file" / "fw", relus)


@pytest.mark.parametrize(
    ("options", "last"),
    [
        ([], "output 0: the same bits as in the simulator"),
        (["KERNELS=fast", "SCRATCH=4500"], "output 0: differs from the simulator by"),
    ],
)
def test_it_builds_as_it_is_and_prints_what_the_page_shows(
    tools, stub_source, tmp_path, packed, options, last
):
    tools("m4f")
    write_firmware(tmp_path / "fw", packed)
    command = ["make", "-s", "-C", str(tmp_path / "fw"), "run", f"NNABLART_SOURCE={stub_source}"]
    done = subprocess.run(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.strip().splitlines()[-3:]
    size = packed.stat().st_size
    assert lines[0] == f"network of {size} bytes, buffers of 9216 bytes"
    assert lines[1].startswith("output 0: 10 numbers, the largest is number ")
    assert lines[2].startswith(last)
    # The page shows another network: the words are the same.
    words = [re.sub(r"[-\d.e]+", "", line) for line in PAGE.read_text("utf-8").splitlines()]
    assert all(any(re.sub(r"[-\d.e]+", "", line) in shown for shown in words) for line in lines)


def test_its_library_is_one_of_cmake_too(tools, stub_source, tmp_path, packed):
    board = tools("m4f")
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder = tmp_path / "fw"
    write_firmware(folder, packed)
    compiler = f"-DCMAKE_C_COMPILER={board.compiler}gcc"
    flags = f"-DCMAKE_C_FLAGS={' '.join(board.flags)}"
    build = ["cmake", "-S", str(folder), "-B", str(tmp_path / "build"), compiler, flags]
    build += ["-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY", "-DCMAKE_SYSTEM_NAME=Generic"]
    for command in (build, ["cmake", "--build", str(tmp_path / "build")]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    assert (tmp_path / "build" / "libnetwork.a").is_file()
