# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of a recipe's network, from its data to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs.results import Tell
from nnabla_compress.runs.run import Run
from nnabla_compress.runs.steps.calibrate import Calibrate
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def run_ptq(
    recipe: Recipe,
    folder: Path,
    output: Path,
    settings: PostTrainingSettings,
    samples: int = 512,
    scored: Optional[Recipe] = None,
    tell: Tell = lambda line: None,
) -> Results:
    """Quantizes the network of a recipe, exports it, and scores it if asked to.

    This is a run of the recipe with one step, ``calibrate``. It takes training samples where the
    data has any, else those of the validation or the test split; samples that it took are never
    scored on.

    Args:
        recipe: Names the network, the data to calibrate on (none: weights only), the preprocessing
            and the export.
        folder: Where its relative paths start.
        output: The run folder.
        settings: Quantizers and steps.
        samples: Most samples to calibrate on, drawn with the recipe's seed.
        scored: The same recipe with the data to score on; its test samples, else those of
            validation, are used. None: nothing is scored.
        tell: Called with lines on the progress.

    Returns:
        What ``results.json`` holds, too.

    Raises:
        CompressError: For anything a user can mend.
    """
    step = Calibrate(settings=settings, samples=samples)
    content: Dict[str, Any] = recipe.model_dump(mode="json")
    for name in ("float_training", "compression"):
        content.pop(name, None)
    content["steps"] = [step.entry()]
    content["evaluate"] = scored is not None
    if scored is not None and scored.data is not None and scored.data != recipe.data:
        content["evaluate"] = scored.data.model_dump(mode="json")
    run = Run(Recipe.checked(content), output, folder)
    try:
        return run.execute(lambda name, total: lambda done, of, values: None, tell)
    except BaseException:
        run.discard()  # there is no training in it that would be lost
        raise
