# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The 1,000 keyword samples of MLPerf Tiny in five parts: learned from four, scored on the fifth.

No training set is there, so inputs are made of those of four parts, shifted in time and mixed, and
what the network is to give for them is asked of the uncompressed network: no label is used. Five
runs, each with another part, score all samples by networks that have not seen them.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Optional, Tuple

import numpy as np

MADE, PARTS = 32000, 5
Samples = Tuple[np.ndarray, np.ndarray]


def _samples() -> Samples:
    folder = os.environ["NNABLA_COMPRESS_DATA"]
    with np.load(os.path.join(folder, "kws01", "kws01.npz")) as file:
        zero, scale = np.float32(file["zero_point"]), np.float32(file["scale"])
        x = ((file["x"].astype(np.float32) - zero) * scale).reshape(-1, 1, 49, 10)
        return x, file["y"].astype(np.int64)


def _made(x: np.ndarray, rng: np.random.RandomState) -> Samples:
    """Inputs made of others: moved by up to five frames, and a little of another one added."""
    first, second = rng.randint(0, len(x), (2, MADE))
    frames = np.arange(x.shape[2]) + rng.randint(-5, 6, MADE)[:, None]
    moved = x[first[:, None], 0, np.clip(frames, 0, x.shape[2] - 1)][:, None]
    part = rng.uniform(0, 0.3, (MADE, 1, 1, 1)).astype(np.float32)
    return (1 - part) * moved + part * x[second], first


def _split(part: int, split: str) -> Optional[Samples]:
    x, y = _samples()
    scored = np.random.RandomState(1).permutation(len(x)) % PARTS == part
    if split == "test":
        return x[scored], y[scored]
    if split == "train":
        made, source = _made(x[~scored], np.random.RandomState(2))
        return made, y[~scored][source]
    return None


fifth_1, fifth_2, fifth_3, fifth_4, fifth_5 = (partial(_split, part) for part in range(PARTS))
