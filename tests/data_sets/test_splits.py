# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Splits: what is accepted, how it is laid out, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data import DataSet, Split, hold_out
from nnabla_compress.errors import ConfigError, DataError


def test_bytes_stay_bytes_and_other_numbers_become_float32():
    assert Split.checked(np.zeros((2, 3), np.uint8), [0, 1], "t").x.dtype == np.uint8
    for kind in (np.int8, np.int64, np.float64, np.float32, bool):
        assert Split.checked(np.zeros((2, 3), kind), [0, 1], "t").x.dtype == np.float32


@pytest.mark.parametrize(
    "shape, layout, expected",
    [
        ((2, 7), "auto", (2, 7)),
        ((2, 28, 20), "auto", (2, 1, 28, 20)),
        ((2, 3, 32, 30), "auto", (2, 3, 32, 30)),
        ((2, 32, 30, 3), "auto", (2, 3, 32, 30)),
        ((2, 3, 4, 3), "auto", (2, 3, 4, 3)),
        ((2, 3, 4, 3), "NHWC", (2, 3, 3, 4)),
        ((2, 32, 30, 3), "NCHW", (2, 32, 30, 3)),
    ],
)
def test_images_are_laid_out_with_channels_first(shape, layout, expected):
    split = Split.checked(np.zeros(shape), [0, 0], "t", layout=layout)
    assert split.x.shape == expected
    assert split.x.flags.c_contiguous


def test_channels_last_moves_values_and_not_only_sizes():
    x = np.arange(2 * 2 * 5 * 3).reshape(2, 2, 5, 3)
    assert Split.checked(x, [0, 0], "t").x[1, 2, 0, 4] == x[1, 0, 4, 2]


@pytest.mark.parametrize(
    "x, y, words",
    [
        (np.zeros((2, 3)), [0], "2 samples but 1 labels"),
        (np.zeros((0, 3)), [], "empty"),
        (np.zeros(4), [0] * 4, r"shape \(4,\)"),
        (np.zeros((1, 1, 1, 1, 1)), [0], "shape"),
        (np.array([["a"]]), [0], "not numbers"),
        (np.array([[0.0], [np.nan]]), [0, 1], "NaN or infinite, the first in sample 1"),
        (np.array([[np.inf]]), [0], "1 values of x are NaN or infinite"),
        (np.zeros((2, 3)), [0, 0.5], "label 0.5 of sample 1 is not a whole number"),
        (np.zeros((2, 3)), [0, np.nan], "not a whole number"),
        (np.zeros((2, 3)), [-1, 0], r"label -1 of sample 0 lies outside 0\.\.2"),
        (np.zeros((2, 3)), [0, 3], r"label 3 of sample 1 lies outside 0\.\.2"),
        (np.zeros((2, 3)), [[0, 1], [1, 0]], r"shape \(2, 2\)"),
        (np.zeros((2, 3)), ["a", "b"], "class index"),
    ],
)
def test_a_set_that_does_not_fit_is_refused_with_its_place(x, y, words):
    with pytest.raises(DataError, match=words) as caught:
        Split.checked(x, y, "file.npz", n_classes=3)
    assert "file.npz" in caught.value.message


def test_labels_may_be_a_column_or_whole_floats():
    assert Split.checked(np.zeros((2, 3)), [[1.0], [0.0]], "t").y.tolist() == [1, 0]


def test_a_data_set_counts_classes_over_all_splits():
    one, two = (Split.checked(np.zeros((1, 2)), [label], "t") for label in (1, 4))
    assert DataSet.checked("t", train=one, test=two).n_classes == 5
    with pytest.raises(DataError, match=r"label 4 lies outside 0\.\.2"):
        DataSet.checked("t", n_classes=3, train=one, test=two)


def test_splits_of_different_samples_are_refused():
    one, two = (Split.checked(np.zeros((1, width)), [0], "t") for width in (2, 3))
    with pytest.raises(DataError, match=r"train \(2,\), test \(3,\)"):
        DataSet.checked("t", train=one, test=two)
    with pytest.raises(DataError, match="neither"):
        DataSet.checked("t")


def test_an_absent_split_is_named():
    data = DataSet.checked("t", test=Split.checked(np.zeros((1, 2)), [0], "t"))
    with pytest.raises(DataError, match="t has no train set"):
        data.split("train")
    with pytest.raises(DataError, match="validation"):
        data.split("validation")
    with pytest.raises(ConfigError, match="unknown split 'tests'"):
        data.split("tests")


def _numbered(count):
    train = Split.checked(np.arange(float(count))[:, np.newaxis], np.arange(count) % 3, "t")
    return DataSet.checked("t", train=train, test=Split.checked([[-1.0]], [0], "t"))


@pytest.mark.parametrize("validation, held", [(0.25, 5), (4, 4), (1, 1)])
def test_the_hold_out_is_a_partition_of_the_training_set(validation, held):
    data = _numbered(20)
    parts = hold_out(data, validation, seed=3)
    kept, out = parts.train.x.ravel(), parts.validation.x.ravel()
    assert len(out) == held
    assert sorted(np.concatenate([kept, out])) == list(range(20))
    assert (parts.train.y == kept % 3).all() and (parts.validation.y == out % 3).all()
    assert parts.test is data.test


def test_the_hold_out_depends_on_its_seed_only():
    chosen = [hold_out(_numbered(50), 10, seed).validation.x.ravel().tolist() for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert hold_out(_numbered(5), 0).validation is None


@pytest.mark.parametrize("validation", [-1, -0.1, 1.0, 20, 30, 0.001, True, "a", float("nan")])
def test_a_hold_out_that_leaves_nothing_is_refused(validation):
    with pytest.raises(ConfigError, match="validation"):
        hold_out(_numbered(20), validation)


def test_a_second_validation_set_is_refused():
    with pytest.raises(DataError, match="its own validation set"):
        hold_out(hold_out(_numbered(20), 4), 4)
