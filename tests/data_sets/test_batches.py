# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batches by number: every sample once an epoch, the same in any order and any process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nnabla_compress.data import (
    Preprocessing,
    Split,
    TrainingBatches,
    augmentation,
    evaluation_batches,
)
from nnabla_compress.errors import ConfigError


def _split(count):
    x = np.arange(count, dtype=np.float32)[:, np.newaxis]
    return Split.checked(x, np.arange(count) % 4, "t")


def test_every_sample_comes_once_an_epoch_also_when_batches_span_epochs():
    batches = TrainingBatches(_split(10), batch_size=4, seed=5)
    stream = np.concatenate([batches.batch(i).x.ravel() for i in range(10)])
    for epoch in range(4):
        assert sorted(stream[10 * epoch : 10 * epoch + 10]) == list(range(10))
    assert stream[:10].tolist() != stream[10:20].tolist()


def test_a_batch_may_be_larger_than_the_set():
    stream = TrainingBatches(_split(3), batch_size=7).batch(0).x.ravel()
    assert sorted(stream[:3]) == sorted(stream[3:6]) == [0, 1, 2]


def test_labels_stay_with_their_samples():
    batch = TrainingBatches(_split(10), batch_size=6, seed=1).batch(3)
    assert batch.y.shape == (6, 1) and batch.y.dtype == np.int32
    assert (batch.x % 4 == batch.y).all()
    assert batch.count == 6 and batch.mask.all()


def test_batches_do_not_depend_on_what_was_asked_before():
    x = np.random.RandomState(0).randint(0, 256, (12, 1, 5, 5)).astype(np.uint8)
    split = Split.checked(x, np.zeros(12), "t")
    change = augmentation("pad_crop_flip", pad=2)
    make = lambda seed: TrainingBatches(split, 5, seed, Preprocessing(1 / 255), change)  # noqa: E731
    forward = [make(3).batch(i).x for i in range(6)]
    one = make(3)
    for i in (5, 0, 3, 1, 4, 2):
        assert one.batch(i).x.tobytes() == forward[i].tobytes()
    assert any((make(4).batch(i).x != forward[i]).any() for i in range(6))


def test_another_process_gets_the_same_order():
    code = (
        "import numpy as np; from nnabla_compress.data import *;"
        "s = Split.checked(np.zeros((50, 1)), np.zeros(50), 't');"
        "print(TrainingBatches(s, 20, 9).indices(2).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = TrainingBatches(_split(50), 20, 9).indices(2).tolist()
    assert done.stdout.strip().splitlines()[-1] == str(here)


def test_the_order_of_a_seed_is_fixed_for_ever():
    # A changed order would silently change every recorded result.
    assert TrainingBatches(_split(8), 8, seed=0).indices(0).tolist() == [2, 3, 5, 0, 4, 1, 6, 7]


def test_epochs_and_iterations_are_counted_in_samples():
    batches = TrainingBatches(_split(10), batch_size=4)
    assert batches.iterations(1) == 3 and batches.iterations(2) == 5 and batches.iterations(0) == 0
    assert batches.epoch(5) == 2.0


def test_evaluation_gives_all_samples_in_order_and_fills_up_the_last_batch():
    batches = list(evaluation_batches(_split(10), 4, Preprocessing(2.0)))
    assert [batch.count for batch in batches] == [4, 4, 2]
    assert all(batch.x.shape == (4, 1) and batch.y.shape == (4, 1) for batch in batches)
    seen = np.concatenate([batch.x[batch.mask].ravel() for batch in batches])
    assert seen.tolist() == [2.0 * i for i in range(10)]
    assert batches[-1].x.ravel().tolist() == [16.0, 18.0, 18.0, 18.0]


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
def test_a_batch_size_below_one_is_refused(batch_size):
    with pytest.raises(ConfigError, match="batch_size"):
        TrainingBatches(_split(4), batch_size)
    with pytest.raises(ConfigError, match="batch_size"):
        next(evaluation_batches(_split(4), batch_size))


def test_a_preprocessing_that_does_not_fit_is_refused_before_training():
    with pytest.raises(ConfigError, match="channels"):
        TrainingBatches(_split(4), 2, preprocessing=Preprocessing(mean=(1.0, 2.0)))
    with pytest.raises(ConfigError, match="seed=-1"):
        TrainingBatches(_split(4), 2, seed=-1)
