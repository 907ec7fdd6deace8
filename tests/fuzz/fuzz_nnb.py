# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged ``.nnb`` files in Python: read, described, written again, and run in the simulator."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from nnabla_compress.nnb import read_nnb
from tests.fuzz.byte_damage import damaged_bytes
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.networks import TARGETS, exported
from tests.fuzz.nnb_damage import Damage
from tests.fuzz.reader import MEGABYTES, SECONDS, Reader, tried


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Damages files until the budget is spent."""
    found = Findings(
        "damaged .nnb files, read, described, written again and run in the simulator within "
        f"{SECONDS} CPU seconds and {MEGABYTES} MB"
    )
    rng = random.Random(seed)
    reader = Reader("nnb")
    with tempfile.TemporaryDirectory() as work:
        sources = [Damage(read_nnb(exported(Path(work), target)[0])) for target in TARGETS]
        for source in sources:
            tried(found, reader, "sound.nnb", source.content, Path(work), folder)
        while not budget.is_spent(found.tried):
            source = rng.choice(sources)
            often = rng.random() < 0.8
            content = source.copy(rng) if often else damaged_bytes(source.content, rng)
            tried(found, reader, "damaged.nnb", content, Path(work), folder)
        reader.close()
    return found
