# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""npz files: splits by their keys, and files that are damaged or hold something else."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data import Wanted, load
from nnabla_compress.data.npz import npz
from nnabla_compress.errors import ConfigError, DataError


def _xy(count, value=0.0):
    return np.full((count, 2), value), np.arange(count)


def test_splits_are_found_by_their_keys(tmp_path):
    arrays = {}
    for count, split in ((3, "train"), (2, "valid"), (1, "test")):
        arrays[f"x_{split}"], arrays[f"y_{split}"] = _xy(count)
    np.savez(tmp_path / "set.npz", names=np.array(["a", "b", "c"]), **arrays)
    data = npz(tmp_path / "set.npz")
    assert (len(data.train), len(data.validation), len(data.test)) == (3, 2, 1)
    assert data.n_classes == 3 and data.class_names == ("a", "b", "c")


def test_x_and_y_alone_are_a_test_set(tmp_path):
    x, y = _xy(3)
    np.savez_compressed(tmp_path / "set.npz", x=x, y=y, scale=np.float32(0.5))
    data = npz(tmp_path / "set.npz")
    assert data.train is None and len(data.test) == 3


def test_a_missing_partner_is_named(tmp_path):
    np.savez(tmp_path / "set.npz", x_train=np.zeros((2, 2)))
    with pytest.raises(DataError, match="has x_train but not y_train"):
        npz(tmp_path / "set.npz")


def test_a_file_without_x_and_y_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "set.npz", images=np.zeros(2))
    with pytest.raises(DataError, match="holds images: no x and y found"):
        npz(tmp_path / "set.npz")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused_with_its_name(tmp_path, part):
    path = tmp_path / "set.npz"
    x = np.random.RandomState(0).rand(100, 7)
    np.savez_compressed(path, x=x, y=np.arange(100))
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="can't read .*set.npz"):
        npz(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=np.zeros((100, 7)), y=np.arange(100))
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="can't read"):
        npz(path)


def test_python_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.array([{}], object), y=[0])
    with pytest.raises(DataError, match="can't read"):
        npz(tmp_path / "set.npz")


def test_a_single_array_is_no_npz(tmp_path):
    np.save(tmp_path / "set.npy", np.zeros(3))
    with pytest.raises(DataError, match="single array"):
        npz(tmp_path / "set.npy")


def test_settings_without_meaning_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="layout is 'HWC'"):
        npz(tmp_path, layout="HWC")
    with pytest.raises(ConfigError, match="n_classes=0"):
        npz(tmp_path, n_classes=0)
    x, y = _xy(3)
    np.savez(tmp_path / "set.npz", x=x, y=y)
    with pytest.raises(DataError, match=r"label 2 of sample 2 lies outside 0\.\.1"):
        npz(tmp_path / "set.npz", n_classes=2)


NUMBERS = Wanted(targets="numbers")


def test_targets_are_found_by_another_name_and_scaled(tmp_path):
    mask = np.full((3, 5, 6), 255, np.uint8)
    np.savez(tmp_path / "set.npz", x_train=np.zeros((3, 5, 6, 3), np.uint8), mask_train=mask)
    data = load("npz", path="set.npz", folder=tmp_path, y="mask", y_scale=1 / 255, wanted=NUMBERS)
    assert data.train.x.shape == (3, 3, 5, 6) and data.train.y.shape == (3, 5, 6)
    np.testing.assert_allclose(data.train.y, 1, rtol=1e-6)


def test_an_autoencoder_learns_x(tmp_path):
    np.savez(tmp_path / "set.npz", x_train=np.eye(4), x_valid=np.eye(4)[:2])
    data = npz(tmp_path / "set.npz", y="x", wanted=NUMBERS)
    assert (data.train.y == np.eye(4)).all() and len(data.validation) == 2
    bare = npz(tmp_path / "set.npz", wanted=Wanted(unlabelled=True))
    assert not bare.train.labelled
    with pytest.raises(DataError, match="x_train but not y_train") as wrong:
        npz(tmp_path / "set.npz")
    assert "y=x for an autoencoder" in wrong.value.help


def test_an_array_for_each_input_of_the_network(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, left_test=np.zeros((2, 3)), right_test=np.ones((2, 5)), y_test=[0, 1])
    wanted = Wanted(inputs={"left": ("left",), "Input_2": ("Input_2", "right")})
    test = npz(path, wanted=wanted).test
    assert test.name == "left" and test.more["Input_2"].shape == (2, 5)
    with pytest.raises(DataError, match="has left_test, y_test but not b_test"):
        npz(path, wanted=Wanted(inputs={"left": ("left",), "b": ("b",)}))
    named = npz(path, x={"b": "right"}, wanted=Wanted(inputs={"left": ("left",), "b": ("b",)}))
    assert named.test.more["b"].shape == (2, 5)
    with pytest.raises(ConfigError, match="names the input 'c'"):
        npz(path, x={"c": "right"}, wanted=wanted)
    with pytest.raises(ConfigError, match="the network has the inputs left, Input_2"):
        npz(path, x="left", wanted=wanted)


@pytest.mark.parametrize("y_scale", [0, -1, "1/255", float("nan"), True])
def test_a_scale_of_targets_without_meaning_is_refused(tmp_path, y_scale):
    np.savez(tmp_path / "set.npz", x=np.zeros((2, 2)), y=np.zeros((2, 2)))
    with pytest.raises(ConfigError, match="y_scale is"):
        load("npz", path=tmp_path / "set.npz", y_scale=y_scale, wanted=NUMBERS)


def test_class_indices_are_not_scaled(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.zeros((2, 2)), y=[0, 1])
    with pytest.raises(ConfigError, match="these are class indices"):
        load("npz", path=tmp_path / "set.npz", y_scale=2)
