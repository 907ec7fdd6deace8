# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged data sets: ``.npz`` files, and CSV files that name arrays and images."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Dict

import numpy as np

from tests.fuzz.byte_damage import damaged_archive, damaged_bytes, damaged_text
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.networks import samples
from tests.fuzz.reader import MEGABYTES, SECONDS, Reader, tried

_ROWS = b"x:image,y:label\n" + b"a.npy,0\nb.png,1\nc.csv,2\na.npy,1\n"


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Damages files until the budget is spent."""
    found = Findings(
        f"damaged .npz and CSV data sets, loaded within {SECONDS} CPU seconds and {MEGABYTES} MB"
    )
    rng = random.Random(seed)
    reader = Reader("data")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        archive = samples(work / "data.npz").read_bytes()
        named = _beside(work)
        tried(found, reader, "sound.npz", archive, work, folder)
        tried(found, reader, "sound.csv", _ROWS, work, folder)
        while not budget.is_spent(found.tried):
            if rng.random() < 0.5:
                content = damaged_archive(archive, rng, {})
                tried(found, reader, "damaged.npz", content, work, folder)
            elif rng.random() < 0.5:
                tried(found, reader, "damaged.csv", damaged_text(_ROWS, rng), work, folder)
            else:  # what the cells name
                name = rng.choice(sorted(named))
                way = damaged_text if name.endswith(".csv") else damaged_bytes
                content = way(named[name], rng)
                (work / name).write_bytes(content)
                faults = len(found.faults)
                tried(found, reader, "sound.csv", _ROWS, work, folder)
                if len(found.faults) > faults:
                    (folder / f"cell_{faults}_{name}").write_bytes(content)
                (work / name).write_bytes(named[name])
        reader.close()
    return found


def _beside(work: Path) -> Dict[str, bytes]:
    """Files that the cells name, all of one shape."""
    from PIL import Image

    np.save(work / "a.npy", np.zeros((1, 5, 7), np.float32))
    Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7)).save(work / "b.png")
    np.savetxt(work / "c.csv", np.zeros((5, 7)), delimiter=",")
    return {name: (work / name).read_bytes() for name in ("a.npy", "b.png", "c.csv")}
