# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The 1,000 samples of kws01 in two halves: every other one to train on, those between to score.

What is trained on is there nine times: as it is, moved in time, and mixed with others. Of a mixture
only what the float network makes of it can be learned; its class is that of its larger part.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

PATH = Path(os.environ.get("NNABLA_COMPRESS_DATA", "data")) / "kws01" / "kws01.npz"
MOVED, MIXED = 4, 4
MOST_FRAMES = 4


def halves(split: str) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """Returns samples (N, 1, 49, 10) as the network takes them, and their classes.

    Args:
        split: "train" or "test"; of others there are none.
    """
    if split not in ("train", "test"):
        return None
    with np.load(PATH) as file:
        x = (file["x"].astype(np.float32) - float(file["zero_point"])) * float(file["scale"])
        x, y = x.reshape(-1, 1, 49, 10), file["y"]
    return more(x[::2], y[::2]) if split == "train" else (x[1::2], y[1::2])


def more(x: np.ndarray, y: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns samples with those that are made of them.

    Args:
        x: Samples (N, 1, frames, coefficients).
        y: Their classes.
    """
    random = np.random.RandomState(0)
    found = [x]
    for _ in range(MOVED):
        frames = random.randint(-MOST_FRAMES, MOST_FRAMES + 1, len(x))
        places = np.clip(np.arange(x.shape[2]) + frames[:, None], 0, x.shape[2] - 1)
        found.append(np.take_along_axis(x, places[:, None, :, None], axis=2))
    for _ in range(MIXED):
        part = random.uniform(0.5, 1, (len(x), 1, 1, 1)).astype(np.float32)
        found.append(part * x + (1 - part) * x[random.permutation(len(x))])
    return np.concatenate(found), np.tile(y, len(found))
