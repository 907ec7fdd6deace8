# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""idx files: written here byte by byte, in all spellings, then damaged."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from nnabla_compress.data.mnist import mnist, read_idx
from nnabla_compress.errors import DataError


def _idx(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def _write(folder, separator="-", packed=False):
    images = np.arange(5 * 4 * 3).reshape(5, 4, 3)
    labels = np.array([3, 1, 4, 1, 5])
    for prefix, count in (("train", 5), ("t10k", 2)):
        for kind, array in (("images", images[:count]), ("labels", labels[:count])):
            path = folder / f"{prefix}-{kind}{separator}idx{array.ndim}-ubyte"
            content = _idx(array)
            if packed:
                path, content = path.with_name(path.name + ".gz"), gzip.compress(content)
            path.write_bytes(content)
    return images


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_all_spellings_of_the_four_files_are_read(tmp_path, separator, packed):
    images = _write(tmp_path, separator, packed)
    data = mnist(tmp_path)
    assert data.train.x.shape == (5, 1, 4, 3) and data.train.x.dtype == np.uint8
    assert (data.train.x[:, 0] == images).all()
    assert data.test.y.tolist() == [3, 1]


def test_a_missing_file_says_which_names_were_looked_for(tmp_path):
    _write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels.idx1-ubyte.gz"):
        mnist(tmp_path)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda content: content[:-1], "is cut short: 75 bytes, 76 expected"),
        (lambda content: content[:10], "is cut short: 10 bytes, its head alone has 16"),
        (lambda content: b"", "is cut short: 0 bytes"),
        (lambda content: content + b"x", "is too long: 77 bytes, 76 expected"),
        (lambda content: b"\x89PNG" + content[4:], "is not an idx file"),
        (lambda content: _idx(np.zeros(60)), "starts with 00000801"),
        (lambda content: gzip.compress(content), "name gzipped files .gz"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(tmp_path, change, words):
    _write(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=words) as caught:
        mnist(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [gzip.compress(bytes(1000), mtime=0)[:15], b"no gzip", b""])
def test_a_damaged_gzip_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a.gz"):
        read_idx(path, 3)


def test_images_and_labels_of_different_counts_are_refused(tmp_path):
    _write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.zeros(4)))
    with pytest.raises(DataError, match="5 samples but 4 labels"):
        mnist(tmp_path)


def test_an_npz_file_is_taken_too(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_test=np.zeros((2, 28, 28), np.uint8), y_test=[1, 7])
    assert mnist(tmp_path / "mnist.npz").test.x.shape == (2, 1, 28, 28)
