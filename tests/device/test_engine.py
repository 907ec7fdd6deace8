# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A board as a place of a verification."""

from __future__ import annotations

import numpy as np

from nnabla_compress.device import BoardPlace, find_board
from nnabla_compress.nnb import read_nnb
from nnabla_compress.verification import Samples, verify_files


def test_a_board_takes_part_in_a_verification(tools, stub_source, relus):
    place = BoardPlace(tools("m4f"))
    samples = Samples([np.float32([[-1, 2, -3, 4], [5, -6, 7, -8]])], "two rows")
    found = verify_files(nnb=relus, samples=samples, places=[place])
    (last,) = found.comparisons
    assert (last.first, last.second) == (".nnb in the simulator", ".nnb on mps2-an386")
    assert last.promise.text == "bit for bit" and found.kept


def test_the_kernels_of_a_place_decide_what_is_promised(packed):
    board = find_board("m4f")
    assert "0.0001" in BoardPlace(board, "fast").promise(packed, read_nnb(packed)).text
    assert BoardPlace(board).promise(packed, read_nnb(packed)).bits
