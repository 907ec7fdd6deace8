# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data.tables import read_table
from nnabla_compress.errors import DataError


def test_numbers_stand_between_commas_semicolons_or_blanks(tmp_path):
    (tmp_path / "t.csv").write_text("# a comment\n1, 2\n3;4\n\n5\t6\n", "utf-8")
    found = read_table(tmp_path / "t.csv", whole=True)
    assert found.tolist() == [[1, 2], [3, 4], [5, 6]] and found.dtype == np.int64
    assert read_table(tmp_path / "t.csv").dtype == np.float32


def test_an_array_of_numpy_is_taken_as_it_is(tmp_path):
    np.save(tmp_path / "t.npy", np.eye(3))
    assert read_table(tmp_path / "t.npy").shape == (3, 3)


@pytest.mark.parametrize(
    "text, said",
    [
        ("1 2\n3\n", "line 2 has 1 numbers, not 2"),
        ("1 2\na b\n", "line 2 is 'a b'"),
        ("1 2.5\n", "line 1 is '1 2.5'"),
        ("", "no row of numbers"),
        ("1 99999999999999999999\n", "beyond 64 bits"),
    ],
)
def test_what_is_no_table_of_whole_numbers_is_refused_by_line(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / "t.csv", whole=True)


def test_a_file_that_is_missing_or_no_text_is_refused_by_name(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("t.csv", "nowhere.csv"):
        with pytest.raises(DataError, match=name):
            read_table(tmp_path / name)
    (tmp_path / "t.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="t.npy"):
        read_table(tmp_path / "t.npy")
