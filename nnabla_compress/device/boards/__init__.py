# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The boards that a network can be tested on: a family a file."""

from __future__ import annotations

from nnabla_compress.device.boards import cortex_m, cortex_m_secure, linux
from nnabla_compress.device.boards.board import Board
from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

BOARDS = {
    board.name: board for family in (cortex_m, cortex_m_secure, linux) for board in family.BOARDS
}
"""The boards by their names."""


def find_board(name: str) -> Board:
    """Returns a board.

    Args:
        name: Its name, or that of its processor, such as "m4f".

    Raises:
        ConfigError: If there is no such board.

    Example:
        >>> find_board("mps2-an386").core, find_board("cortex-m4f").name
        ('Cortex-M4F', 'mps2-an386')
    """
    for board in BOARDS.values():
        if name.lower() in (board.name, *board.other_names):
            return board
    raise ConfigError(f"there is no board {name!r}.", help=did_you_mean(name, BOARDS))


__all__ = ["BOARDS", "Board", "find_board"]
