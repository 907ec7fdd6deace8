# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Maps in files: what is there is gone on with, what is damaged is made again."""

from __future__ import annotations

import collections
import errno
import shutil

import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training import feature_cache
from nnabla_compress.training.feature_cache import FeatureCache, feature_bytes, refuse_full

SHAPES = {"a/relu": (2, 3), "output": (4,)}
VALUES = {
    "a/relu": np.random.RandomState(0).randn(10, 2, 3).astype(np.float32),
    "output": np.random.RandomState(1).randn(10, 4).astype(np.float32),
}


def counting(most=99):
    """Computes pieces, and notes which; raises after so many."""
    asked = []

    def compute(start, stop):
        if len(asked) == most:
            raise KeyboardInterrupt
        asked.append((start, stop))
        return {name: values[start:stop] for name, values in VALUES.items()}

    return compute, asked


def cache(folder, **more):
    return FeatureCache(folder, "train", SHAPES, 10, piece=4, **more)


def holds_all(found):
    return all(np.array_equal(found.arrays()[name], VALUES[name]) for name in SHAPES)


def test_rows_come_back_as_they_were(tmp_path):
    compute, asked = counting()
    found = cache(tmp_path)
    found.fill(compute)
    assert asked == [(0, 4), (4, 8), (8, 10)] and holds_all(found)
    assert found.bytes == found.kept_bytes == 10 * (6 + 4) * 4 == feature_bytes(SHAPES, 10)


def test_numbers_of_half_precision_take_half_the_bytes(tmp_path):
    found = cache(tmp_path, precision="float16")
    found.fill(counting()[0])
    assert found.kept_bytes == feature_bytes(SHAPES, 10) // 2
    for name, values in VALUES.items():
        assert np.array_equal(found.arrays()[name], values.astype(np.float16))


def test_what_a_killed_process_wrote_is_gone_on_with(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        cache(tmp_path).fill(counting(most=2)[0])
    compute, asked = counting()
    found = cache(tmp_path)
    found.fill(compute)
    assert asked == [(8, 10)] and holds_all(found)


def test_a_piece_that_has_changed_is_made_again_with_all_behind_it(tmp_path):
    cache(tmp_path).fill(counting()[0])
    path = tmp_path / "train-1.float32"
    content = bytearray(path.read_bytes())
    content[4 * 6 * 4] ^= 1  # the first byte of the fifth row
    path.write_bytes(content)
    compute, asked = counting()
    found = cache(tmp_path)
    found.fill(compute)
    assert asked == [(4, 8), (8, 10)] and holds_all(found)


def test_maps_of_something_else_are_made_again(tmp_path):
    cache(tmp_path).fill(counting()[0])
    compute, asked = counting()
    FeatureCache(tmp_path, "train", SHAPES, 8, piece=4).fill(compute)
    assert asked == [(0, 4), (4, 8)]


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    real, left = open, [3]

    def opened(path, mode="r", *rest, **more):
        if "float32" in str(path) and "b" in mode and "+" in mode:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *rest, **more)

    monkeypatch.setattr(feature_cache, "open", opened, raising=False)
    with pytest.raises(ConfigError, match="the disk is full"):
        cache(tmp_path).fill(counting()[0])
    monkeypatch.undo()
    compute, asked = counting()
    found = cache(tmp_path)
    found.fill(compute)
    assert asked == [(4, 8), (8, 10)] and holds_all(found)


def test_a_folder_without_room_is_refused_before_work_begins(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    refuse_full(tmp_path / "not" / "there", 1000)
    refuse_full(tmp_path, 5000, kept=4000)
    with pytest.raises(ConfigError) as caught:
        refuse_full(tmp_path / "not" / "there", 5000, kept=3000)
    assert f"{tmp_path} has 1000 B left" in caught.value.message
    assert "features: stream" in caught.value.help
