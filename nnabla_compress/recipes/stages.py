# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The steps of a recipe in order, whichever form it has, and what each leaves in the run folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.recipes.step import Step, step_of
from nnabla_compress.training import TrainingSettings

FLOAT, COMPRESSED = "float", "compressed"
STEPS = "steps"
"""Folder of what steps decided, below the run folder."""


@dataclass(frozen=True)
class Stage:
    """A step of a run with its place there.

    Args:
        step: The step.
        number: Which one of the run's, from 1.
        files: Path of what it leaves below the run folder, without ending.
        hands_on: Whether the next step trains the network, or leaves what it computes as it is:
            what this step would have to start or to write, that one does.
        takes_over: Whether the step before hands on.
    """

    step: Step
    number: int
    files: str
    hands_on: bool = False
    takes_over: bool = False

    @property
    def record(self) -> str:
        """Path of what it decided, below the run folder."""
        return f"{STEPS}/{self.number:02d}-{self.step.title}.json"

    @property
    def before(self) -> str:
        """Path of what parameters were before the step set them, if it keeps that."""
        return f"{self.files}.before.h5"

    @property
    def parameters(self) -> Optional[str]:
        """Path of the parameters after it, below the run folder; None where they are not kept."""
        step = self.step
        changes = (
            step.sets_values or not self.hands_on and (self.takes_over or not step.same_function)
        )
        return f"{self.files}.h5" if changes else None


def stages_of(steps: Sequence[Step]) -> List[Stage]:
    """Returns the stages of a list of steps.

    Args:
        steps: The steps.
    """
    titles = [f"{STEPS}/{number:02d}-{step.title}" for number, step in enumerate(steps, 1)]
    return _stages(steps, titles)


def stages_of_parts(
    float_training: Optional[TrainingSettings], compression: Optional[CompressionPart]
) -> List[Stage]:
    """Returns the stages that the short form of a recipe stands for.

    Args:
        float_training: The training of the float network, if there is one.
        compression: What follows, if anything does.

    Example:
        >>> part = CompressionPart.checked({"weights": "lut:bits=4", "fold": "before"})
        >>> [(stage.step.title, stage.parameters) for stage in stages_of_parts(None, part)]
        [('fold', None), ('quantize', 'compressed.h5')]
    """
    steps: List[Step] = []
    files: List[str] = []
    if float_training is not None:
        steps.append(step_of({"train": {"settings": float_training}}))
        files.append(FLOAT)
    if compression is not None:
        steps += [step_of({each.name: each}) for each in compression.transforms]
        if compression.training is not None:
            settings = {"settings": compression.training, "terms": list(compression.terms)}
            steps.append(step_of({"train": settings}))
        files += [COMPRESSED] * (len(steps) - len(files))
    return _stages(steps, files)


def _stages(steps: Sequence[Step], files: Sequence[str]) -> List[Stage]:
    found: List[Stage] = []
    takes_over = False
    for number, (step, path) in enumerate(zip(steps, files), 1):
        then = steps[number] if number < len(steps) else None
        hands_on = then is not None and (then.trains or then.same_function)
        found.append(Stage(step, number, path, hands_on, takes_over))
        takes_over = hands_on and not step.sets_values
    return found
