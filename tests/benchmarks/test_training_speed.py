# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A training step of ResNet-20 by this package's kernels and by NNabla's functions, in turn."""

from __future__ import annotations

import time

from tests.benchmarks.measure_training import Measured

BATCH, ROUNDS, MOST = 64, 5, 0.6


def test_a_training_step_takes_little_more_than_half_of_nnablas(tmp_path):
    both = [Measured(str(own), tmp_path, BATCH, own, {}) for own in (True, False)]
    for number in range(ROUNDS + 1):
        for training in both:
            training.step(number, time.process_time)
    ours, theirs = (
        sum(sorted(times)[ROUNDS // 2] for times in training.times.values()) for training in both
    )
    print(f"own kernels / NNabla: {ours / theirs:.2f}")
    assert ours / theirs <= MOST
