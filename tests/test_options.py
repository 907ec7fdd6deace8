# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Classes of checked options, made by their constructors and from keys and values."""

from __future__ import annotations

from typing import Tuple

import pytest

from nnabla_compress.errors import ConfigError, UnknownKeyError
from nnabla_compress.options import Options, validated
from nnabla_compress.transforms import NormalizeNeurons


class Point(Options):
    at: Tuple[float, float]
    weight: int = 1


class Line(Options):
    start: Point


def test_a_constructor_names_its_class_and_what_is_wrong():
    with pytest.raises(
        ConfigError, match=r"^Point: weight is 'heavy': Input should be a valid int"
    ):
        Point(at=(1, 2), weight="heavy")
    with pytest.raises(ConfigError, match=r"^NormalizeNeurons: inputs is '0'"):
        NormalizeNeurons(inputs="0")


def test_a_constructor_names_what_is_missing_or_unknown():
    with pytest.raises(ConfigError, match="^Point: at is missing"):
        Point()
    with pytest.raises(UnknownKeyError, match="^Point: unknown key 'wieght'"):
        Point(at=(1, 2), wieght=3)


def test_a_part_of_something_else_is_told_with_its_place_there():
    with pytest.raises(ConfigError, match="^lines: start.weight is 'heavy'"):
        validated(Line, {"start": {"at": [1, 2], "weight": "heavy"}}, "lines")
    with pytest.raises(ConfigError, match="^Line: start.at is missing"):
        Line(start={})


def test_what_is_sound_is_made():
    assert Line(start={"at": [1, 2]}).start == Point(at=(1.0, 2.0))
