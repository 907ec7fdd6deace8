# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities for a fit: measured once, on samples that calibration may see."""

from __future__ import annotations

from typing import Optional

import numpy as np

from nnabla_compress.errors import CompressError
from nnabla_compress.files import atomic_path
from nnabla_compress.fitting.clock import time_text
from nnabla_compress.fitting.routes import WIDTHS
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.recipes import Recipe
from nnabla_compress.search.measure import measure
from nnabla_compress.search.sensitivity import Sensitivities

SAMPLES, FILE = "samples.npz", "sensitivity.json"
_MOST, _FEWEST = 128, 16
# Part of the time that is left.
_PART = 0.3


def sensitivities_of(situation: Situation) -> Optional[Sensitivities]:
    """Returns what each layer suffers from few bits; None where that can't be measured in time.

    Args:
        situation: Where the fit stands.
    """
    path = situation.folder / FILE
    if path.exists():
        return Sensitivities.read(path)
    changes = len(WIDTHS) * max(1, situation.layers)
    seconds = situation.judge.seconds * changes
    count = min(_MOST, situation.question.samples, int(_PART * situation.clock.left / seconds))
    if count < min(_FEWEST, situation.question.samples):
        situation.tell(
            f"sensitivities: not measured: {changes} changes on {_FEWEST} samples need about "
            f"{time_text(seconds * _FEWEST)}"
        )
        return None
    situation.tell(f"sensitivities: {changes} changes on {count} samples")
    try:
        # Where the layers' noise is least in the output is the same for all quantizers, roughly.
        found = measure(_recipe(situation, count), situation.folder, WIDTHS, "lut", count)
    except CompressError as error:
        situation.tell(f"sensitivities: {error.message}")
        return None
    found.write(path)
    return found


def _recipe(situation: Situation, count: int) -> Recipe:
    """A recipe whose test samples are some of those that calibration takes, kept in a file."""
    arrays, targets = situation.judge.drawn(count)
    path = situation.folder / SAMPLES
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, y=targets, **arrays)
    content = {**situation.question.content, "augmentation": None}
    content["data"] = {"source": "npz", "path": str(path.resolve()), "layout": "NCHW"}
    return Recipe.checked(content)
