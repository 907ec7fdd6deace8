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


def test_targets_may_be_numbers_of_any_shape():
    for y, shape in (
        ([0.5, 1], (2, 1)),
        (np.zeros((2, 7)), (2, 7)),
        (np.zeros((2, 5, 4)), (2, 5, 4)),
    ):
        split = Split.checked(np.zeros((2, 3)), y, "t", targets="numbers")
        assert split.y.shape == shape and split.y.dtype == np.float32 and not split.has_classes
    split = Split.checked(np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8, 1)), "t", targets="numbers")
    assert split.y.shape == (2, 1, 8, 8)


def test_whole_numbers_are_classes_where_either_will_do():
    for y, classes in (([0, 1], True), ([[0.0], [1.0]], True), ([0, 0.5], False), ([-1, 0], False)):
        assert Split.checked(np.zeros((2, 3)), y, "t", targets="either").has_classes == classes
    assert not Split.checked(np.zeros((2, 3)), np.eye(2), "t", targets="either").has_classes


def test_there_may_be_a_class_for_each_pixel():
    split = Split.checked(np.zeros((2, 3, 4, 4)), np.ones((2, 4, 4), np.uint8), "t")
    assert split.y.shape == (2, 1, 4, 4) and split.has_classes
    assert DataSet.checked("t", test=split).n_classes == 2


def test_a_network_may_have_several_inputs():
    split = Split.checked({"a": np.zeros((3, 4, 4)), "b": np.ones((3, 2))}, [0, 1, 2], "t")
    assert split.name == "a" and split.x.shape == (3, 1, 4, 4)
    assert split.take(np.array([2])).more["b"].shape == (1, 2)
    assert split.fitted({"a": (4, 4)}).x.shape == (3, 4, 4)
    with pytest.raises(DataError, match="3 samples of a but 2 of b"):
        Split.checked({"a": np.zeros((3, 4)), "b": np.ones((2, 2))}, [0, 1, 2], "t")
    with pytest.raises(DataError, match="values of b are NaN"):
        Split.checked({"a": np.zeros((1, 4)), "b": np.full((1, 2), np.nan)}, [0], "t")


def test_samples_without_targets_are_told_from_those_with():
    bare = Split.checked(np.zeros((4, 3)), None, "t")
    assert not bare.labelled and not bare.has_classes and bare.y.shape == (4, 0)
    labelled = Split.checked(np.zeros((4, 3)), [0, 1, 2, 3], "t")
    data = DataSet.checked("t", train=bare, test=labelled)
    assert data.n_classes == 4 and len(hold_out(data, 2).validation) == 2


@pytest.mark.parametrize(
    "y, words",
    [
        ([[0.0, np.inf]] * 2, "values of y are NaN or infinite"),
        (["a", "b"], "y must be numbers"),
        (np.zeros((2, 0)), "empty"),
        (np.zeros((3, 2)), "2 samples but 3 labels"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(y, words):
    with pytest.raises(DataError) as wrong:
        Split.checked(np.zeros((2, 3)), y, "t", targets="numbers")
    assert words in str(wrong.value)


def test_targets_of_another_shape_in_another_split_are_refused():
    one, two = (
        Split.checked(np.zeros((1, 2)), np.zeros((1, n)), "t", targets="numbers") for n in (2, 3)
    )
    with pytest.raises(DataError, match=r"targets differ in shape.*train \(2,\), test \(3,\)"):
        DataSet.checked("t", train=one, test=two)


def test_a_changed_value_target_or_name_changes_the_fingerprint():
    def fingerprint(x=0.0, y=0, name="a"):
        arrays = {"first": np.zeros((2, 3)), name: np.full((2, 2), x)}
        return DataSet.checked("t", test=Split.checked(arrays, [y, 1], "t")).fingerprint

    found = [fingerprint(), fingerprint(x=1.0), fingerprint(y=1), fingerprint(name="b")]
    assert len(set(found)) == 4 and fingerprint() == found[0]
    bare = DataSet.checked("t", test=Split.checked(np.zeros((2, 3)), None, "t"))
    assert bare.fingerprint != found[0]
