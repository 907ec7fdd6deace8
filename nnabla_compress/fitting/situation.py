# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a fit stands: what was tried, what time is left, and how the next attempt is made."""

from __future__ import annotations

import errno
import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

from nnabla_compress.errors import CompressError, causes
from nnabla_compress.files import json_text
from nnabla_compress.fitting.clock import Clock, time_text
from nnabla_compress.fitting.devices import nnb_in, sizes_of
from nnabla_compress.fitting.judge import Judge
from nnabla_compress.fitting.limits import Limits
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.question import Question
from nnabla_compress.fitting.record import BEGUN, DONE, FAILED, NOT_BEGUN, Attempt, FitRecord
from nnabla_compress.fitting.routes import Route
from nnabla_compress.progress import Announce
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import NAME as RESULTS
from nnabla_compress.runs.run import Run
from nnabla_compress.targets import target_named

# What an attempt takes in forward passes over a sample, found on ResNet-20 and rounded up: a
# calibration with learned roundings, an update of a training that learns from the float network,
# the export of a target that rounds numbers, a run in the simulator.
_CALIBRATION, _UPDATE, _EXPORT, _SIMULATION = 40, 6, 16, 2
# Seconds of writing, proving and reading files.
_FILES = 5.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class Situation:
    """What a measure looks at, and what makes its attempts.

    Args:
        question: The network and its data.
        limits: What must be kept.
        routes: Targets, and what networks take there.
        judge: Scores attempts.
        clock: The time that there is.
        folder: Where attempts and ``fit.json`` go.
        record: What was tried.
        tell: Called with each line that a user reads.
        announce: As of :meth:`nnabla_compress.runs.Run.execute`.
    """

    question: Question
    limits: Limits
    routes: List[Route]
    judge: Judge
    clock: Clock
    folder: Path
    record: FitRecord
    tell: Callable[[str], None]
    announce: Announce
    _before: Dict[str, Attempt] = field(default_factory=dict, repr=False)
    _measured: Dict[str, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._before = {each.key: each for each in self.record.attempts if each.state != NOT_BEGUN}
        self.record.attempts = []

    @property
    def answer(self) -> Optional[Attempt]:
        """The attempt that keeps all limits, None if there is none yet."""
        return next((each for each in self.record.attempts if each.fits), None)

    @property
    def small_enough(self) -> List[Attempt]:
        """Attempts that keep the limits of size, the most accurate one first."""
        found = [
            each
            for each in self.record.attempts
            if each.sizes is not None and each.drop is not None and self.limits.hold(each.sizes)
        ]
        return sorted(found, key=lambda each: (each.drop or 0.0, each.ram or 0))

    @property
    def layers(self) -> int:
        """Number of layers with weights."""
        return self.judge.layers

    def recipe_of(self, attempt: Attempt) -> Recipe:
        """Returns the recipe of an attempt that was made.

        Args:
            attempt: The attempt.
        """
        return Recipe.read(self.folder / attempt.name / "recipe.yaml")

    def seconds_of(self, steps: Sequence[Dict[str, Any]], target: str) -> float:
        """Returns how long an attempt is expected to take on the clock.

        Args:
            steps: The steps of its recipe.
            target: What it is exported for.
        """
        sample, rounds = self.judge.seconds, target_named(target).rounds_numbers
        found = _FILES + sample * len(self.judge.split) * (_SIMULATION if rounds else 1)
        found += sample * 256 * _EXPORT if rounds else 0.0
        for step in steps:
            if "calibrate" in step:
                known = sample * self.question.samples * _CALIBRATION
                found += self._measured.get("calibrate", known)
            if "train" in step:
                found += step["train"]["epochs"] * self.question.training * self.update_of_sample
        return found

    @property
    def update_of_sample(self) -> float:
        """Seconds that a sample takes in an update of a training."""
        return self._measured.get("train", self.judge.seconds * _UPDATE)

    def attempt(self, plan: Plan) -> Attempt:
        """Carries a plan out, unless it was carried out before or there is no time for it.

        Args:
            plan: The plan.

        Returns:
            What came of it; it is written to ``fit.json``, too.

        Raises:
            ConfigError: If the disk is full.
        """
        name = f"{len(self.record.attempts) + 1:02d}-{plan.name}"
        recipe = self.question.recipe(name, plan.steps, plan.target, plan.prefer)
        key = _key_of(recipe)
        known = self._before.get(key)
        if known is not None and known.state in (DONE, FAILED):
            self.tell(f"{known.name}: {known.what}: as before: {known.said}")
            self.record.attempts.append(known)
            return known
        made = Attempt(name, plan.measure, plan.target, plan.what, plan.why, key)
        if known is not None:
            made.name = known.name
        self.record.attempts.append(made)
        self.tell(f"{made.name}: {plan.what}. {plan.why}")
        if plan.seconds > self.clock.left:
            made.said = (
                f"not begun: it needs about {time_text(plan.seconds)}, and "
                f"{time_text(max(0.0, self.clock.left))} are left"
            )
        else:
            self._carry_out(made, recipe, plan)
        self.tell(f"  {made.said}")
        self.record.write(self.folder)
        return made

    def _carry_out(self, made: Attempt, recipe: Recipe, plan: Plan) -> None:
        folder, began = self.folder / made.name, Clock.now()
        made.state = BEGUN
        self.record.write(self.folder)
        kept = folder / "recipe.yaml"
        try:
            if kept.exists():
                recipe = Recipe.read(kept)  # an interrupted training keeps its epochs
            elif folder.exists():
                shutil.rmtree(folder)
            if not (folder / RESULTS).exists():
                # What steps say of themselves stands in their own run folder.
                Run(recipe, folder, self.folder, kept.exists()).execute(self.announce)
            sizes = sizes_of(nnb_in(folder))
            made.file, made.code, made.ram = sizes
            ran = Clock.now()
            quality = self.judge.of_attempt(folder)
        except CompressError as error:
            _raise_if_full(error)
            made.state, made.said = FAILED, f"failed: {error.message}"
        else:
            made.state = DONE
            made.accuracy, made.drop = quality.value, quality.below(self.judge.float)
            made.fits = self.limits.hold(sizes) and made.drop <= self.limits.drop
            made.said = self._said(made, quality.name)
            self._learn(plan, ran[0] - began[0])
        made.seconds, made.cpu_seconds = (b - a for a, b in zip(began, Clock.now()))

    def _said(self, made: Attempt, name: str) -> str:
        assert made.sizes is not None and made.accuracy is not None and made.drop is not None
        missed = self.limits.missed(made.sizes)
        if made.drop > self.limits.drop:
            missed.append(f"{name} by {made.drop - self.limits.drop:.2f} points")
        verdict = f"misses {', '.join(missed)}" if missed else "fits"
        whole = max(route.sizes().flash for route in self.routes)
        return (
            f"{made.sizes.text()}, {made.sizes.flash / whole:.0%} of the float network's flash; "
            f"{name} {100 * made.accuracy:.2f} %, {made.drop:.2f} points below it: {verdict}"
        )

    def _learn(self, plan: Plan, seconds: float) -> None:
        """Keeps how long kinds of steps take, for those that follow."""
        kinds = [next(iter(step)) for step in plan.steps]
        if "train" not in kinds and "calibrate" in kinds:
            self._measured["calibrate"] = max(seconds, self._measured.get("calibrate", 0.0))


def _raise_if_full(error: CompressError) -> None:
    """Raises an error of a full disk, on which no other attempt would do better."""
    if any(isinstance(each, OSError) and each.errno in _FULL for each in causes(error)):
        raise error


def _key_of(recipe: Recipe) -> str:
    """A checksum of what a recipe does, whatever it is called and however long it trains."""
    content = recipe.model_dump(mode="json")
    del content["name"]
    for step in content.get("steps", ()):
        for options in step.values():
            if isinstance(options, dict):
                options.pop("epochs", None)
    return hashlib.sha256(json_text(content).encode("utf-8")).hexdigest()[:16]
