# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The samples of a run: what its steps look at, and what its networks are scored on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import numpy as np

from nnabla_compress.data import DataSet, Split
from nnabla_compress.errors import DataError
from nnabla_compress.loading.inputs import Inputs, load_inputs
from nnabla_compress.recipes import Recipe


def inputs_of_run(recipe: Recipe, folder: Path, targets: Optional[str] = None) -> Inputs:
    """Loads what a run of a recipe works on.

    Args:
        recipe: The recipe.
        folder: Where its relative paths start.
        targets: Which kind of targets, as of :func:`~nnabla_compress.loading.inputs.load_data`; by
            default what the network learns, none where nothing looks at them.

    Raises:
        CompressError: If anything is missing or damaged.
    """
    looks = recipe.needs_targets or recipe.evaluate is not False
    targets = targets or (None if looks else "none")
    inputs = load_inputs(recipe, folder, not recipe.needs_targets, targets)
    divide(inputs, recipe, folder)
    return inputs


def divide(inputs: Inputs, recipe: Recipe, folder: Path) -> None:
    """Makes what calibration takes the training samples, and what it does not the test samples.

    Where a network is calibrated and not trained, calibration takes training samples where the data
    has any, else those of the validation or the test split; the test samples are the others of the
    data. Other data to evaluate on take the place of the test samples.

    Args:
        inputs: What the recipe refers to, loaded; its data set changes.
        recipe: The recipe.
        folder: Where its relative paths start.
    """
    steps = [stage.step for stage in recipe.stages]
    most = max((step.samples_taken for step in steps), default=0)
    taken = 0 if any(step.trains for step in steps) else most
    given, other = inputs.splits, _other_data(recipe, folder)
    if other is None and (given is None or not taken):
        return
    parts: Dict[str, Any] = {} if given is None or taken else dict(given.splits)
    if given is not None and taken:
        drawn = inputs.drawn(taken)
        parts["train"] = drawn.samples
        name, split = _to_score(given, drawn.split)
        if name == drawn.split:
            split = split.take(np.setdiff1d(np.arange(len(split)), drawn.rows))
        if len(split):
            parts["test"] = split
    if other is not None:
        parts["test"] = _to_score(other)[1]
    elif "test" not in parts and recipe.evaluate:
        raise DataError(
            "calibration takes all samples, so none are left to score on.",
            help="take fewer with --samples, or score on other data with --evaluate DATA",
        )
    whole = given or other
    if whole is not None:
        n_classes = max(each.n_classes for each in (given, other) if each is not None)
        inputs.splits = replace(
            DataSet.checked(whole.name, n_classes, **parts), class_names=whole.class_names
        )


def _other_data(recipe: Recipe, folder: Path) -> Optional[DataSet]:
    if isinstance(recipe.evaluate, bool) or recipe.evaluate == recipe.data:
        return None
    content = {"data": recipe.evaluate, "evaluate": True}
    return load_inputs(recipe.model_copy(update=content), folder, unlabelled=True).data


def _to_score(data: DataSet, otherwise: str = "train") -> Tuple[str, Split]:
    for name in ("test", "validation"):
        if name in data.splits:
            return name, data.splits[name]
    return otherwise, data.splits[otherwise]
