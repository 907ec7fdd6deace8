# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from nnabla_compress.explanation import Change, Changes
from nnabla_compress.explanation.pictures import (
    are_images,
    draw_changed,
    draw_classes,
    draw_confusions,
    draw_looks,
)

NAMES = ["$x^{$", "a\x1b[31mb", "\u5168", "<b>&"]


def made(classes=4, count=12, labelled=True):
    rng = np.random.RandomState(0)
    before, after = rng.randn(count, classes), rng.randn(count, classes)
    names = [NAMES[c % 4] for c in range(classes)]
    return Changes(before, after, np.arange(count) % classes if labelled else None, names)


def drawn(path):
    """A picture's pixels, which must not be all of one colour."""
    pixels = imread(path)
    assert pixels.std() > 0.01
    return pixels


@pytest.mark.parametrize("classes, labelled", [(2, True), (4, False), (30, True), (100, True)])
def test_confusions_and_classes_are_drawn_whatever_they_are_called(tmp_path, classes, labelled):
    found = made(classes, 3 * classes, labelled)
    draw_confusions(found, tmp_path / "confusion.png")
    draw_classes(found.by_class(), labelled, tmp_path / "classes.png")
    # No more than fits on a screen.
    for name in ("confusion.png", "classes.png"):
        assert max(drawn(tmp_path / name).shape) < 2600


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_samples_are_drawn_in_rows_of_five(tmp_path, channels, count):
    found = [made().of(row) for row in range(count)]
    samples = np.random.RandomState(0).randint(0, 256, (count, channels, 5, 9)).astype(np.uint8)
    draw_changed(samples, found, NAMES, tmp_path / "changed.png")
    height, width = drawn(tmp_path / "changed.png").shape[:2]
    rows = -(-count // 5)
    assert width == 1260 and abs(height - rows * 120 * (2.1 * 5 / 9 + 0.75)) < 2


def test_a_sample_that_is_one_grey_or_no_number_is_drawn(tmp_path):
    samples = np.full((2, 1, 4, 4), np.nan, np.float32)
    draw_changed(samples, [made().of(0), made().of(1)], NAMES, tmp_path / "changed.png")
    drawn(tmp_path / "changed.png")


def test_where_both_networks_look_stands_beside_each_other(tmp_path):
    samples = np.zeros((2, 1, 6, 6), np.float32)
    looked = np.zeros((2, 6, 6))
    looked[0, :2] = 1
    draw_looks(samples, [made().of(0), made().of(1)], NAMES, looked, 0 * looked, tmp_path / "m.png")
    pixels = drawn(tmp_path / "m.png")[:, :, :3]
    yellow = (pixels[:, :, 0] > 0.8) & (pixels[:, :, 2] < 0.5)
    # Only the float network looks, and only at the upper sample.
    rows, columns = np.nonzero(yellow)
    assert len(rows) > 1000
    assert rows.max() < pixels.shape[0] / 2
    assert pixels.shape[1] / 2 < columns.min() and columns.max() < 0.8 * pixels.shape[1]


def test_what_has_other_axes_is_no_image():
    assert are_images(np.zeros((1, 3, 4, 4))) and are_images(np.zeros((1, 1, 2, 2)))
    for shape in ((1, 4), (1, 2, 4, 4), (1, 1, 1, 9)):
        assert not are_images(np.zeros(shape))


def test_a_change_says_whether_it_is_a_loss():
    assert Change(0, 1, 1, 2, 0.9, 0.8).lost and not Change(0, 2, 1, 2, 0.9, 0.8).lost
