# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The 1,000 keyword samples of MLPerf Tiny as two halves: one to learn from, one to be scored on.

No training set is there, so inputs are made of those of one half, shifted in time and mixed, and
what the network is to give for them is asked of the uncompressed network: no label is used.
"""

import os

import numpy as np

MADE = 8000


def _halves():
    folder = os.environ["NNABLA_COMPRESS_DATA"]
    with np.load(os.path.join(folder, "kws01", "kws01.npz")) as file:
        zero, scale = np.float32(file["zero_point"]), np.float32(file["scale"])
        x = ((file["x"].astype(np.float32) - zero) * scale).reshape(-1, 1, 49, 10)
        y = file["y"].astype(np.int64)
    order = np.random.RandomState(1).permutation(len(x))
    return x, y, order[:500], order[500:]


def _made(x, rng):
    """Inputs made of others: moved by up to five frames, and a little of another one added."""
    first, second = rng.randint(0, len(x), (2, MADE))
    frames = np.arange(x.shape[2]) + rng.randint(-5, 6, MADE)[:, None]
    moved = x[first[:, None], 0, np.clip(frames, 0, x.shape[2] - 1)][:, None]
    part = rng.uniform(0, 0.3, (MADE, 1, 1, 1)).astype(np.float32)
    return (1 - part) * moved + part * x[second], first


def _split(split, learn, score, x, y):
    if split == "test":
        return x[score], y[score]
    if split == "train":
        made, source = _made(x[learn], np.random.RandomState(2))
        return made, y[learn][source]
    return None


def first_half(split):
    """Learns from the first half, is scored on the second."""
    x, y, first, second = _halves()
    return _split(split, first, second, x, y)


def second_half(split):
    """Learns from the second half, is scored on the first."""
    x, y, first, second = _halves()
    return _split(split, second, first, x, y)
