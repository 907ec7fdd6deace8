# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The 1,000 keyword samples of MLPerf Tiny as two halves: one to learn from, one to be scored on.

No training set is there, so inputs are made of those of one half, shifted in time and mixed, and
what the network is to give for them is asked of the uncompressed network: no label is used.
"""

from __future__ import annotations

import os
from typing import Optional, Tuple

import numpy as np

MADE = 8000
Samples = Tuple[np.ndarray, np.ndarray]


def _halves() -> Tuple[Samples, Samples]:
    folder = os.environ["NNABLA_COMPRESS_DATA"]
    with np.load(os.path.join(folder, "kws01", "kws01.npz")) as file:
        zero, scale = np.float32(file["zero_point"]), np.float32(file["scale"])
        x = ((file["x"].astype(np.float32) - zero) * scale).reshape(-1, 1, 49, 10)
        y = file["y"].astype(np.int64)
    order = np.random.RandomState(1).permutation(len(x))
    first, second = order[:500], order[500:]
    return (x[first], y[first]), (x[second], y[second])


def _made(x: np.ndarray, rng: np.random.RandomState) -> Samples:
    """Inputs made of others: moved by up to five frames, and a little of another one added."""
    first, second = rng.randint(0, len(x), (2, MADE))
    frames = np.arange(x.shape[2]) + rng.randint(-5, 6, MADE)[:, None]
    moved = x[first[:, None], 0, np.clip(frames, 0, x.shape[2] - 1)][:, None]
    part = rng.uniform(0, 0.3, (MADE, 1, 1, 1)).astype(np.float32)
    return (1 - part) * moved + part * x[second], first


def _split(split: str, learn: Samples, score: Samples) -> Optional[Samples]:
    if split == "test":
        return score
    if split == "train":
        x, y = learn
        made, source = _made(x, np.random.RandomState(2))
        return made, y[source]
    return None


def first_half(split: str) -> Optional[Samples]:
    """Learns from the first half, is scored on the second."""
    first, second = _halves()
    return _split(split, first, second)


def second_half(split: str) -> Optional[Samples]:
    """Learns from the second half, is scored on the first."""
    first, second = _halves()
    return _split(split, second, first)
