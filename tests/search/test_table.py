# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of accuracies."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.search.table import Table

TEXT = "a,b,accuracy\n2,2,50\n2,4,80\n4,4,90\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "table.csv").write_text(TEXT)
    return tmp_path / "table.csv"


def test_accuracies_are_parts_of_the_float_network_s(path):
    table = Table.read(path, 100.0)
    assert table((2, 4)) == 0.8 and table.space.choices == ((2, 4), (2, 4))
    assert Table.read(path)((4, 4)) == 1.0


def test_bits_that_are_missing_get_the_nearest_first_of_the_table(path):
    assert Table.read(path, 100.0)((4, 2)) == 0.5  # as far from 2 2 as from 4 4
    assert Table.read(path, 100.0)((4, 3)) == 0.9


def test_or_are_refused(path):
    with pytest.raises(DataError, match="no bits 4 2"):
        Table.read(path, missing="refused")((4, 2))


def test_or_get_the_best_of_those_with_fewer_bits(path):
    table = Table.read(path, 100.0, "fewer")
    assert table((4, 2)) == 0.5 and table((3, 4)) == 0.8 and table((4, 8)) == 0.9
    assert table((1, 8)) == 0.0


def test_or_get_what_is_modelled_but_no_more_than_the_best(path):
    table = Table.read(path, 100.0, "modelled")
    assert table((2, 4)) == 0.8
    assert 0.5 < table((4, 2)) < 0.9
    assert table((4, 2)) == table.model((4, 2)) / 100
    path.write_text("a,b,accuracy\n2,2,50\n2,4,80\n4,2,80\n3,3,80\n")
    assert Table.read(path, 100.0, "modelled")((4, 4)) == 0.8


@pytest.mark.parametrize(
    "text", ["", "a,accuracy\n", "a,accuracy\n2,nan\n", "a,b\n2\n", "a,b\nx,1\n"]
)
def test_what_is_no_table_is_refused_by_name(path, text):
    path.write_text(text)
    with pytest.raises(DataError, match="table.csv is no table of accuracies"):
        Table.read(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="can't read .*none.csv"):
        Table.read(tmp_path / "none.csv")
