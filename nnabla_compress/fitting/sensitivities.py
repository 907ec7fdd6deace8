# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities for a fit: measured once, on samples that calibration may see."""

from __future__ import annotations

from typing import Callable, Optional

import numpy as np

from nnabla_compress.errors import CompressError
from nnabla_compress.files import atomic_path
from nnabla_compress.fitting.clock import time_text
from nnabla_compress.fitting.routes import WIDTHS
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.recipes import Recipe
from nnabla_compress.search.measure import measure
from nnabla_compress.search.sensitivity import Sensitivities
from nnabla_compress.search.shares import Shares

SAMPLES, FILE, RATIOS = "samples.npz", "sensitivity.json", "ratios.json"
SHARES = (0.125, 0.25, 0.375, 0.5)
"""Shares of a group's channels that go, and of all channels where no ratios are chosen."""
_RANKS = (0.75, 0.5, 0.25)
_MOST, _FEWEST = 128, 16
# Part of the time that is left.
_PART = 0.3


def sensitivities_of(situation: Situation) -> Optional[Sensitivities]:
    """Returns what each layer suffers from few bits; None where that can't be measured in time.

    Args:
        situation: Where the fit stands.
    """
    # Where the layers' noise is least in the output is the same for all quantizers, roughly.
    return _kept(
        situation,
        FILE,
        len(WIDTHS) * max(1, situation.layers),
        lambda recipe, count: measure(recipe, situation.folder, WIDTHS, "lut", count),
    )


def ratios_of(situation: Situation) -> Optional[Sensitivities]:
    """Returns what fewer channels and lower ranks do; None where that can't be measured in time.

    Args:
        situation: Where the fit stands.
    """
    shares = Shares(SHARES, _RANKS)
    return _kept(
        situation,
        RATIOS,
        (len(SHARES) + len(_RANKS)) * max(1, situation.layers),
        lambda recipe, count: measure(recipe, situation.folder, (), None, count, shares=shares),
    )


def _kept(
    situation: Situation,
    name: str,
    changes: int,
    measured: Callable[[Recipe, int], Sensitivities],
) -> Optional[Sensitivities]:
    """What is in a file, or what is measured and written there."""
    path = situation.folder / name
    if path.exists():
        return Sensitivities.read(path)
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
        found = measured(_recipe(situation, count), count)
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
