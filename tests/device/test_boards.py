# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The table of boards."""

from __future__ import annotations

import pytest

from nnabla_compress.device import BOARDS, find_board
from nnabla_compress.device.boards.board import STACK_BYTES, Microcontroller
from nnabla_compress.errors import ConfigError


def test_a_board_is_found_by_its_name_and_by_that_of_its_processor():
    assert find_board("MPS2-AN500") is find_board("m7") is BOARDS["mps2-an500"]
    assert find_board("cortex-m33").machine == "mps2-an505"
    assert find_board("arm64").emulator == "qemu-aarch64"


def test_an_unknown_board_is_answered_with_the_nearest_one():
    with pytest.raises(ConfigError, match="no board 'mps2-an368'") as caught:
        find_board("mps2-an368")
    assert "did you mean 'mps2-an386'?" in caught.value.help and "riscv64" in caught.value.help


def test_no_name_is_that_of_two_boards():
    names = [name for board in BOARDS.values() for name in (board.name, *board.other_names)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", BOARDS)
def test_regions_of_memory_do_not_overlap_and_hold_a_stack(name):
    board = BOARDS[name]
    if not isinstance(board, Microcontroller):
        assert board.ram is None and board.instructions_a_tick is None
        return
    spans = sorted((region.start, region.start + region.bytes) for region in board.memory)
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:]))
    assert board.ram.bytes > 2 * STACK_BYTES
    assert 20 <= board.instructions_a_tick <= 50
