# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The tables of ReLeQ's authors, with the rewards of their scripts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.search.explore import explore
from nnabla_compress.search.reward import Reward
from nnabla_compress.search.table import Table

CONSTANTS = {
    "lenet": (99.8, {"a": 0.6, "b": 3.0, "threshold": 0.8}),
    "cifar": (75.0, {"a": 0.8, "b": 1.0, "threshold": 0.1}),
    "svhn": (97.0, {"a": 0.8, "b": 1.0, "threshold": 0.1}),
    "resnet20": (93.0, {"a": 0.8, "b": 1.0, "threshold": 0.6}),
    "vgg11": (96.0, {"a": 0.8, "b": 1.0, "threshold": 0.1}),
}


def published(name, missing="nearest"):
    """A table, and its reward."""
    folder = Path(os.environ.get("NNABLA_COMPRESS_DATA", "")) / "oracles" / "releq"
    if not folder.is_dir():
        pytest.skip("NNABLA_COMPRESS_DATA names no folder with the tables of ReLeQ")
    accuracy, constants = CONSTANTS[name]
    return Table.read(folder / f"{name}.csv", accuracy, missing), Reward(**constants)


def searched(name, sampler, seed=0, missing="nearest", of=lambda table: table, **how):
    """What a sampler finds in a table, or in an objective that is made of it."""
    table, reward = published(name, missing)
    walks = sampler.walks(table.space, seed)
    how.setdefault("in_turn", sampler.in_turn)
    return explore(walks, of(table), lambda bits, y: reward.of(table.space, bits, y), **how)


@dataclass(frozen=True)
class Slow:
    """An objective that takes its time, half to one and a half of what is said, by the bits."""

    table: Table
    seconds: float

    def __call__(self, bits):
        share = np.random.RandomState(abs(hash(bits)) % (1 << 32)).uniform(0.5, 1.5)
        time.sleep(share * self.seconds)
        return self.table(bits)


@dataclass(frozen=True)
class Noted:
    """An objective that takes a twentieth of a second, and notes in a file what it begins."""

    table: Table
    path: str

    def __call__(self, bits):
        with open(self.path, "a") as file:
            file.write(" ".join(map(str, bits)) + "\n")
        time.sleep(0.05)
        return self.table(bits)
