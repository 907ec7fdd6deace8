# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names of any script as NNabla's variables take them, and back."""

from __future__ import annotations

import nnabla as nn
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.names import (
    ascii_name,
    free_name,
    printable,
    shortened,
    shortened_words,
    shown_name,
)


@given(st.text(min_size=1, max_size=12))
def test_a_name_of_any_script_becomes_ascii_and_comes_back(name):
    there = ascii_name(name)
    assert there.isascii()
    if not name.isascii():
        assert shown_name(there) == name


@pytest.mark.parametrize("name", ["c1/conv/W", "fc.weight", "my weights", "W", "a//b", ""])
def test_an_ascii_name_stays(name):
    assert ascii_name(name) == name and shown_name(name) == name


def test_only_the_parts_of_a_path_that_need_it_change():
    there = ascii_name("全結合/affine/W")
    assert there.endswith("/affine/W")
    variable = nn.Variable((1,))
    variable.name = there  # NNabla itself would refuse the original
    with pytest.raises(UnicodeEncodeError):
        variable.name = "全結合/affine/W"


@pytest.mark.parametrize("name", ["xn--", "xn--\x80", "xn--!!!", "xn--a b"])
def test_what_only_looks_like_an_encoded_name_stays(name):
    assert ascii_name(shown_name(name)) in (name, ascii_name(name))


def test_a_free_name_is_the_one_wanted_or_gets_a_number():
    assert free_name("b", []) == "b" and free_name("b", {"b", "b_2"}) == "b_3"


def test_what_a_terminal_would_obey_is_spelled_out_and_letters_of_any_script_stay():
    assert printable("全\u3000結合 \u00e9\n\t") == "全\u3000結合 \u00e9\n\t"
    assert printable("\x1b[31m\u202e\udcff\x00\r") == r"\x1b[31m\u202e\udcff\x00\r"


def test_long_names_keep_both_ends():
    assert shortened("a" * 100) == "a" * 100
    assert shortened("in/" + "a" * 5000 + "/out", 11) == "in/a.../out"
    assert shortened_words("no " + "b" * 9 + "\n" + "c" * 8, 8) == "no bbb...bb\n" + "c" * 8
