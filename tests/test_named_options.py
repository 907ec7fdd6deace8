# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.named_options import NamedOptions, Registry


@pytest.fixture
def colours():
    registry = Registry("colour", NamedOptions)

    @registry.register("red")
    class Red(NamedOptions):
        shade: int = 1
        short = "shade"

    @registry.register("blue")
    class Blue(NamedOptions):
        deep: bool = False

    return registry


def test_members_are_listed_by_name_and_know_theirs(colours):
    assert list(colours.all()) == ["blue", "red"]
    assert [kind.name for kind in colours.all().values()] == ["blue", "red"]


def test_an_entry_is_a_name_options_a_value_or_a_member(colours):
    assert colours.make("red", "colours").shade == 1
    assert colours.make({"red": {"shade": 2}}, "colours").shade == 2
    assert colours.make({"red": 3}, "colours").shade == 3
    made = colours.make("blue", "colours")
    assert colours.make(made, "colours") is made and made.checked(made) is made


@pytest.mark.parametrize(
    "entry, message",
    [
        ("rad", "colours: unknown colour 'rad'"),
        ({"red": {"shades": 2}}, "colours: red: unknown key 'shades'"),
        ({"red": "dark"}, "colours: red: shade is 'dark'"),
        ({"blue": 5}, "colours: blue is 5"),
        ({"red": 1, "blue": 2}, "is no entry"),
        (5, "5 is no entry"),
    ],
)
def test_what_is_none_is_refused_with_its_place(colours, entry, message):
    with pytest.raises(ConfigError, match=message):
        colours.make(entry, "colours")
