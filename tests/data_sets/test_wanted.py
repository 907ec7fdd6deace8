# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network wants of data, and how it is found under the names that data have."""

from __future__ import annotations

import pytest

from nnabla_compress.data import Wanted
from nnabla_compress.errors import ConfigError, DataError


def test_the_first_of_several_names_that_is_there_is_taken():
    wanted = Wanted(inputs={"Input": ("x", "Input", "photo")}, target=("y", "label"))
    assert wanted.pick({"photo": 1, "Input": 2, "label": 3}) == ({"Input": 2}, 3)
    assert wanted.pick({"other": 1}) == ({}, None)


def test_a_user_may_name_each_input_and_the_target():
    wanted = Wanted(inputs={"a": ("a",), "b": ("b",)}).named({"b": "second"}, "mask")
    assert wanted.inputs == {"a": ("a",), "b": ("second",)} and wanted.target == ("mask",)
    assert Wanted().named("image").inputs == {"x": ("image",)}
    with pytest.raises(ConfigError, match="names the input 'c'"):
        wanted.named({"c": "third"})


def test_what_is_missing_is_named_as_the_data_would():
    wanted = Wanted(inputs={"a": ("a", "x0"), "b": ("b",)})
    with pytest.raises(DataError, match="set has b_test, y_test but not a_test or x0_test"):
        wanted.check({"b": 1}, 1, "set", "_test")
    with pytest.raises(DataError, match="set has a_test but not y_test"):
        wanted.check({"a": 1, "b": 1}, None, "set", "_test")
    Wanted(unlabelled=True).check({"x": 1}, None, "set")
