# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a file may ask for follows from its size, and from the environment."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.limits import VARIABLE, Limits, check_limit


def test_all_small_files_have_the_same_limits():
    assert Limits.of(0) == Limits.of(2**20) == Limits()


def test_a_network_of_138_million_weights_has_room():
    size = 4 * 138_000_000
    assert Limits.of(size).bytes > 4 * size and Limits.of(size // 16).bytes > size


def test_the_environment_raises_the_limits(monkeypatch):
    monkeypatch.setenv(VARIABLE, "3")
    assert Limits.of(0).functions == 3 * Limits().functions


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan", "inf"])
def test_other_words_in_the_environment_are_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match=VARIABLE):
        Limits.of(0)


def test_the_help_names_the_factor_that_is_enough(monkeypatch):
    monkeypatch.setenv(VARIABLE, "2")
    with pytest.raises(DataError, match=r"a.nnp has 2,500 parts, the limit is 2,000") as raised:
        check_limit("a.nnp", "has {:,} parts", 2500, 2000)
    assert f"{VARIABLE}=3" in str(raised.value)


def test_nobody_is_told_to_allow_a_bomb():
    with pytest.raises(DataError) as raised:
        check_limit("a.nnp", "has {:,} parts", 10**15, 2000)
    assert VARIABLE not in str(raised.value)
