# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the results of a run are made of: versions, scores, outcomes of trainings."""

from __future__ import annotations

import datetime
import platform
from typing import Any, Callable, Dict, Optional

import nnabla as nn
import numba
import numpy as np

import nnabla_compress
from nnabla_compress.report.results import Results
from nnabla_compress.training import Outcome, Score

Tell = Callable[[str], None]


def begun(name: str, seed: int) -> Results:
    """Returns the results of a run that begins.

    Args:
        name: Name of the run.
        seed: Its seed.
    """
    return Results(name, seed, versions(), datetime.date.today().isoformat())


def versions() -> Dict[str, str]:
    """Returns the versions that results depend on."""
    return {
        "nnabla_compress": nnabla_compress.__version__,
        "nnabla": nn.__version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    }


def score_as_dict(score: Score) -> Dict[str, Any]:
    """Returns what results say of a score.

    Args:
        score: The score.
    """
    found: Dict[str, Any] = {"loss": score.loss, "samples": score.samples}
    if score.accuracy is not None:
        found = {"accuracy": score.accuracy, **found}
    if score.accuracy_name != "accuracy":
        found["accuracy_name"] = score.accuracy_name
    if score.metrics:
        found["metrics"] = score.metrics
        found["loss_name"] = score.loss_name
    if score.exit_accuracies:
        found["exit_accuracies"] = list(score.exit_accuracies)
    if score.doubts:
        found["warnings"] = list(score.doubts)
    return found


def outcome_as_dict(outcome: Outcome) -> Dict[str, Any]:
    """Returns what results say of a training.

    Args:
        outcome: What it led to.
    """
    found: Dict[str, Any] = {"iterations": outcome.iterations, "best_epoch": outcome.best_epoch}
    found.update(outcome.noticed)
    if outcome.stopped:
        found["stopped"] = outcome.stopped
    for name in ("last", "best"):
        score: Optional[Score] = getattr(outcome, name)
        if score is not None:
            found[f"{name}_validation"] = score_as_dict(score)
    return found
