# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""npz files: splits by their keys, and files that are damaged or hold something else."""

from __future__ import annotations

import numpy as np
import pytest

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
