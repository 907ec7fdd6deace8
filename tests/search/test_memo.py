# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Candidates on disk."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.search.memo import Memo


def test_what_was_noted_is_known_to_the_next(tmp_path):
    Memo(tmp_path / "m", {"samples": 3}).add((2, 4), 0.1 + 0.2)
    assert Memo(tmp_path / "m", {"samples": 3}).known == {(2, 4): 0.1 + 0.2}


def test_texts_and_several_numbers_are_kept_too(tmp_path):
    Memo(tmp_path / "m").add("lut:bits=2", (0.5, 3.0))
    assert Memo(tmp_path / "m").known == {"lut:bits=2": (0.5, 3.0)}


def test_a_line_that_was_cut_off_is_dropped_and_the_next_stands_behind_the_whole_ones(tmp_path):
    memo = Memo(tmp_path / "m")
    memo.add((2, 4), 0.5)
    memo.add((4, 4), 0.75)
    text = (tmp_path / "m").read_text()
    (tmp_path / "m").write_text(text[:-3])
    again = Memo(tmp_path / "m")
    assert again.known == {(2, 4): 0.5}
    again.add((8, 8), 1.0)
    assert Memo(tmp_path / "m").known == {(2, 4): 0.5, (8, 8): 1.0}


def test_that_of_another_objective_is_refused(tmp_path):
    Memo(tmp_path / "m", {"samples": 3})
    with pytest.raises(ConfigError, match="another search's"):
        Memo(tmp_path / "m", {"samples": 4})


@pytest.mark.parametrize(
    "line", ["nonsense", '{"tried": [2]}', '{"tried": [2], "found": NaN}', "[]"]
)
def test_a_damaged_one_is_refused_by_name(tmp_path, line):
    Memo(tmp_path / "m")
    with (tmp_path / "m").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match="m is damaged"):
        Memo(tmp_path / "m")


def test_a_full_disk_is_told(tmp_path):
    memo = Memo(tmp_path / "m")
    (tmp_path / "m").unlink()
    (tmp_path / "m").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="the disk is full"):
        memo.add((2, 4), 0.5)
