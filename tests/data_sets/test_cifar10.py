# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 in its three forms, made here from one small set, then damaged."""

from __future__ import annotations

import os
import pickle
import tarfile

import numpy as np
import pytest

from nnabla_compress.data.cifar10 import CLASS_NAMES, cifar10
from nnabla_compress.data.cifar10_batches import read_batch
from nnabla_compress.errors import DataError

RNG = np.random.RandomState(0)
TRAIN = RNG.randint(0, 256, (10, 3, 32, 32)).astype(np.uint8)
TEST = RNG.randint(0, 256, (4, 3, 32, 32)).astype(np.uint8)
TRAIN_LABELS, TEST_LABELS = np.arange(10), np.array([3, 1, 4, 1])


def _write_batches(folder, as_bytes=True):
    folder.mkdir(exist_ok=True)
    key = (lambda name: name.encode()) if as_bytes else str
    parts = [(f"data_batch_{i + 1}", TRAIN[2 * i : 2 * i + 2], TRAIN_LABELS[2 * i : 2 * i + 2])
             for i in range(5)] + [("test_batch", TEST, TEST_LABELS)]  # fmt: skip
    for name, x, y in parts:
        content = {key("data"): x.reshape(len(x), -1), key("labels"): y.tolist()}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def _write_sheets(folder, per_sheet=5):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    for name, x in (("train", TRAIN), ("test", TEST)):
        for number, start in enumerate(range(0, len(x), per_sheet)):
            part = x[start : start + per_sheet].transpose(0, 2, 3, 1)
            sheet = part.transpose(1, 0, 2, 3).reshape(32, -1, 3)  # one row of images
            image.fromarray(sheet).save(folder / f"{name}-{number:02d}.webp", lossless=True)
    np.savez(folder / "labels.npz", train=np.arange(12) % 10, test=TEST_LABELS)


def _check(data):
    assert (data.train.x == TRAIN).all() and (data.test.x == TEST).all()
    assert data.train.y.tolist() == TRAIN_LABELS.tolist()
    assert data.test.y.tolist() == TEST_LABELS.tolist()
    assert data.n_classes == 10 and data.class_names == CLASS_NAMES


@pytest.mark.parametrize("as_bytes", [True, False])
def test_python_batches_are_found_in_a_folder(tmp_path, as_bytes):
    _write_batches(tmp_path / "cifar-10-batches-py", as_bytes)
    _check(cifar10(tmp_path))
    _check(cifar10(tmp_path / "cifar-10-batches-py"))


def test_python_batches_are_found_in_the_archive(tmp_path):
    _write_batches(tmp_path / "x")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "x", "cifar-10-batches-py")
    _check(cifar10(archive))
    _check(cifar10(tmp_path))
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(DataError, match="can't read .*tar.gz: it is cut short"):
        cifar10(archive)


def test_lossless_sheets_are_found_and_labels_may_be_more(tmp_path):
    _write_sheets(tmp_path)
    _check(cifar10(tmp_path))


def test_a_sheet_of_several_rows_is_read_row_by_row(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    grid = TRAIN[:6].transpose(0, 2, 3, 1).reshape(2, 3, 32, 32, 3)
    sheet = grid.transpose(0, 2, 1, 3, 4).reshape(64, 96, 3)
    for name in ("train", "test"):
        image.fromarray(sheet).save(tmp_path / f"{name}-00.webp", lossless=True)
    np.savez(tmp_path / "labels.npz", train=np.arange(6), test=np.arange(6))
    assert (cifar10(tmp_path).train.x == TRAIN[:6]).all()


@pytest.mark.parametrize("channels_last", [True, False])
def test_npz_is_found_in_both_layouts(tmp_path, channels_last):
    turn = (lambda x: x.transpose(0, 2, 3, 1)) if channels_last else (lambda x: x)
    arrays = {"y_train": TRAIN_LABELS, "y_test": TEST_LABELS}
    np.savez(tmp_path / "cifar10.npz", x_train=turn(TRAIN), x_test=turn(TEST), **arrays)
    _check(cifar10(tmp_path / "cifar10.npz"))
    _check(cifar10(tmp_path))


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"data_batch_1, cifar-10-batches-py/.*\*\.webp"):
        cifar10(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        cifar10(tmp_path / "gone")


def test_other_images_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 1, 28, 28)), y=[0, 1])
    with pytest.raises(DataError, match=r"shape \(1, 28, 28\), CIFAR-10 has \(3, 32, 32\)"):
        cifar10(tmp_path / "a.npz")


def test_a_missing_batch_is_named(tmp_path):
    _write_batches(tmp_path)
    (tmp_path / "data_batch_4").unlink()
    with pytest.raises(DataError, match="data_batch_4"):
        cifar10(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_a_truncated_batch_is_refused_with_its_name(tmp_path, part):
    _write_batches(tmp_path)
    path = tmp_path / "data_batch_2"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="can't read .*data_batch_2"):
        cifar10(tmp_path)


class _Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


def test_a_pickle_that_would_run_code_is_refused():
    with pytest.raises(DataError, match=r"wants (posix|nt)\.system"):
        read_batch(pickle.dumps({"data": _Evil(), "labels": [0]}), "evil_batch")


@pytest.mark.parametrize(
    "content, words",
    [
        ([1], "holds a list"),
        ({b"data": 1, b"fine_labels": 2}, "has no data and labels, but data, fine_labels"),
        ({b"data": np.zeros((2, 5), np.uint8), b"labels": [0, 1]}, r"shape \(2, 5\)"),
        ({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}, "float64"),
    ],
)
def test_a_pickle_of_something_else_is_refused(content, words):
    with pytest.raises(DataError, match=words):
        read_batch(pickle.dumps(content), "some_batch")


def test_damaged_sheets_are_refused_with_their_names(tmp_path):
    _write_sheets(tmp_path)
    sheet = tmp_path / "train-00.webp"
    whole = sheet.read_bytes()
    sheet.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="can't read the image .*train-00.webp"):
        cifar10(tmp_path)
    sheet.unlink()
    with pytest.raises(DataError, match="train-01.webp but not train-00.webp"):
        cifar10(tmp_path)
    sheet.write_bytes(whole)
    np.savez(tmp_path / "labels.npz", train=np.arange(9), test=TEST_LABELS)
    with pytest.raises(DataError, match="10 images of the train set but 9 labels"):
        cifar10(tmp_path)
    (tmp_path / "labels.npz").unlink()
    with pytest.raises(DataError, match="no labels.npz"):
        cifar10(tmp_path)


def test_the_real_images_are_read():
    root = os.environ.get("NNABLA_COMPRESS_DATA")
    if not root or not os.path.isdir(os.path.join(root, "cifar10")):
        pytest.skip("needs CIFAR-10 in $NNABLA_COMPRESS_DATA/cifar10")
    data = cifar10("$NNABLA_COMPRESS_DATA/cifar10")
    assert np.bincount(data.test.y).tolist() == [1000] * 10
    mean = data.train.x.mean(axis=(0, 2, 3)) / 255
    np.testing.assert_allclose(mean, (0.4914, 0.4822, 0.4465), atol=2e-3)
