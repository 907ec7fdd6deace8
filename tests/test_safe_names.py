# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shlex

import pytest

from nnabla_compress.safe_names import MOST_BYTES, file_name, shell_word

ANY = ["", ".", "..", "../a", "a/b", "a\\b", "-rf", ".hidden", "NUL", "com1.txt", "a ", "a.", "\0"]
ANY += ["a\nb", "\u202ea", "\udcff", "w" * 5000, "全" * 100, "全" * 101, 'a"b', "a:b", "~\x1b"]


@pytest.mark.parametrize("text", ANY)
def test_any_text_becomes_the_name_of_one_file_in_the_folder(text, tmp_path):
    name = file_name(text)
    (tmp_path / f"{name}.settings.yaml").touch()
    assert os.listdir(tmp_path) == [f"{name}.settings.yaml"]
    assert len(name.encode()) <= MOST_BYTES and name.isprintable() and name[0] not in "-."
    assert file_name(name) == name


def test_different_texts_get_different_names_and_good_ones_stay():
    assert len({file_name(text).lower() for text in ANY}) == len(ANY)
    for name in ("lenet-4bit", "全結合", "a b", "it's", "x" * MOST_BYTES, "v1.2", "全\u3000角"):
        assert file_name(name) == name


@pytest.mark.parametrize("word", ["a b", "it's", "$(id)", "`id`", "a;b", "*", "\\"])
def test_a_word_is_read_back_as_it_was(word):
    assert shlex.split(shell_word(word)) == [word]


def test_a_word_is_no_option_no_home_and_obeyed_by_no_terminal():
    assert [shell_word(word) for word in ("-o", "@x", "~")] == ["./-o", "./@x", "'./~'"]
    assert shell_word("a\x1b'\\\n") == r"$'a\x1b\'\\\x0a'"
