# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect

import numpy as np
import pytest

from nnabla_compress.data import SOURCES, load
from nnabla_compress.data.two_classes import two_classes
from nnabla_compress.errors import ConfigError


@pytest.mark.parametrize("shape", ["spirals", "rings", "bananas"])
def test_points_are_half_of_each_class_in_both_splits_and_follow_the_draw(shape):
    data, same = two_classes(shape, samples=100), two_classes(shape, samples=100)
    for name in ("train", "test"):
        split = data.split(name)
        assert split.x.shape == (50, 2) and split.y.mean() == 0.5
        np.testing.assert_array_equal(split.x, same.split(name).x)
    other = load("two_classes", shape=shape, samples=100, draw=1)
    assert not np.array_equal(data.split("train").x, other.split("train").x)


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_has_an_option_that_load_takes_for_itself(source):
    own = inspect.signature(load).parameters
    options = set(inspect.signature(SOURCES[source]).parameters) & set(own)
    assert options <= {"folder", "wanted"}, "these two are handed on"


def test_spirals_turn_twice_around_each_other():
    data = two_classes("spirals", samples=4000, noise=0).split("train")
    radius = np.hypot(*data.x.T)
    assert radius.max() == pytest.approx(4 * np.pi, rel=0.01)
    sign = np.where(data.y.ravel() == 0, -1, 1)
    np.testing.assert_allclose(data.x[:, 0], sign * radius * np.cos(radius), atol=1e-4)


def test_no_line_separates_rings():
    data = two_classes("rings", noise=0.1).split("train")
    radius, y = np.hypot(*data.x.T), data.y.ravel()
    assert ((radius > 4) & (radius < 6))[y == 1].all() and (radius[y == 0] > 8).any()


def test_cells_are_those_of_scikit_learn():
    data = two_classes("breast_cancer")
    assert data.split("train").x.shape == (398, 30) and data.split("test").x.shape == (171, 30)


@pytest.mark.parametrize(
    "options", [{"shape": "spiral"}, {"samples": 7}, {"samples": 9}, {"noise": -1}, {"draw": 1.5}]
)
def test_what_makes_no_points_is_refused(options):
    with pytest.raises(ConfigError, match=f"two_classes: {next(iter(options))} is"):
        two_classes(**options)
