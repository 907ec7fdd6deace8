# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compilers that are missing, and compilers that fail."""

from __future__ import annotations

import pytest

from nnabla_compress.device import find_board
from nnabla_compress.device.toolchain import (
    compile_program,
    find_program,
    missing_program,
    section_sizes,
)
from nnabla_compress.errors import ConfigError, VerifyError


@pytest.mark.parametrize("name", ["m4f", "armhf"])
def test_a_missing_program_is_named_with_what_installs_it(monkeypatch, tmp_path, name):
    monkeypatch.setenv("PATH", str(tmp_path))
    board = find_board(name)
    assert missing_program(board) == board.emulator
    with pytest.raises(ConfigError, match=board.emulator) as caught:
        find_program(board.emulator, board)
    assert "apt-get install" in caught.value.help
    assert all(package in caught.value.help for package in board.packages)


def test_a_compiler_that_fails_is_told_with_its_last_lines_and_the_command(program, tmp_path):
    program("arm-none-eabi-gcc", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; exit 3")
    board, sources = find_board("m4f"), [tmp_path / f"part {n}.c" for n in range(5)]
    with pytest.raises(VerifyError, match="status 3") as caught:
        compile_program(board, sources, ["-DX=1"], tmp_path / "fw.elf")
    said = caught.value.message
    assert "line 9" in said and "line 2" in said and "line 1\n" not in said
    assert "-mcpu=cortex-m4" in said and "part 0.c'" in said and "2 more C files" in said


def test_sections_are_read_from_the_tool_that_lists_them(program, tmp_path):
    program(
        "arm-none-eabi-size",
        "printf 'fw.elf  :\nsection size addr\n.text 1200 0\n.network 34 256\nTotal 1234\n'",
    )
    assert section_sizes(find_board("m4f"), tmp_path) == {".text": 1200, ".network": 34}
