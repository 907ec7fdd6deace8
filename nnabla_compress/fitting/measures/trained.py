# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A short training of what came nearest: it learns from the float network and its labels."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from nnabla_compress.fitting.clock import time_text
from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.targets import target_named

_BATCH = 64
# A training is no longer than this, whichever is more, and no shorter.
_MOST_EPOCHS, _MOST_UPDATES, _FEWEST_UPDATES = 10.0, 1000, 20
# Part of the time that is left which a training may take.
_PART = 0.7


def training_step(
    situation: Situation, others: Sequence[Dict[str, Any]], target: str
) -> Optional[Dict[str, Any]]:
    """Returns a step that trains for as long as there is time; None if there is too little.

    Args:
        situation: Where the fit stands.
        others: The other steps, which take time, too.
        target: What the network is exported for.
    """
    question = situation.question
    if not question.training:
        situation.tell(
            "training: there are no training samples; with x_train and y_train in the data, "
            "networks could recover accuracy"
        )
        return None
    free = _PART * situation.clock.left - situation.seconds_of(others, target)
    most = max(_MOST_EPOCHS, _MOST_UPDATES * _BATCH / question.training)
    epochs = min(most, free / (situation.update_of_sample * question.training))
    if epochs * question.training < _FEWEST_UPDATES * _BATCH:
        updates = time_text(_FEWEST_UPDATES * _BATCH * situation.update_of_sample)
        situation.tell(
            f"training: {time_text(max(0.0, situation.clock.left))} are left; {_FEWEST_UPDATES} "
            f"updates alone need about {updates}"
        )
        return None
    distill = {"weight": 0.9 if question.labelled else 1.0}
    settings = {"epochs": round(epochs, 3), "batch_size": _BATCH, "solver": "Adam"}
    return {"train": {**settings, "learning_rate": 3e-4, "terms": [{"distill": distill}]}}


class Trained(Measure):
    """Trains the most accurate network that is small enough."""

    name = "trained"

    def take(self, situation: Situation) -> None:
        """Trains it from where calibration left it, on training samples alone."""
        found = situation.small_enough
        if not found:
            return
        best = found[0]
        steps = self._quantized(situation, best.name, best.target)
        train = training_step(situation, steps, best.target)
        if train is None:
            return
        steps = [*steps, train]
        epochs = train["train"]["epochs"]
        plan = Plan(
            self.name,
            f"trained-{best.target}",
            f"{best.name}, trained for {epochs:g} epochs",
            f"It is small enough, and {best.drop:.2f} points below the float network.",
            best.target,
            steps,
            situation.recipe_of(best).export.prefer,
            situation.seconds_of(steps, best.target),
        )
        situation.attempt(plan)

    def _quantized(self, situation: Situation, name: str, target: str) -> List[Dict[str, Any]]:
        """The steps that quantize what is trained."""
        bits = target_named(target).bits
        if bits:
            # Scales that are powers of two, one for each tensor: what such a target holds.
            rules = {"weights": [f"affine:bits={bits}"]}
            rules["activations"] = [f"affine:bits={bits},symmetric=true"]
            return [{"calibrate": {**rules, "per_channel": False, "power_of_two": True}}]
        attempt = situation.record.named(name)
        assert attempt is not None
        return [dict(step.entry()) for step in situation.recipe_of(attempt).steps or ()]
