# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parts of a step that have nothing to do with each other, done one after another or at once.

Another process brings a course of its own to the step by the records of the run, takes the
parameters that the parts begin with from a file, and leaves what it does in the run folder: the
same bits wherever a part is done.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Sequence

from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.step import Record
from nnabla_compress.runs.course import Course, made_again
from nnabla_compress.runs.divided import inputs_of_run
from nnabla_compress.training import set_seed
from nnabla_compress.training.parameter_files import load_parameters


@dataclass(frozen=True)
class PartOfStep:
    """A part of a step of a run, as another process is told of it.

    Args:
        recipe: Of the run.
        folder: The run folder.
        recipe_folder: Where relative paths of the recipe start.
        stage: Which step of the run, from 1.
        number: Which part of it.
        parameters: The file of the parameters that it begins with.
    """

    recipe: Recipe
    folder: Path
    recipe_folder: Path
    stage: int
    number: int
    parameters: Path


def parts(course: Course, numbers: Sequence[int]) -> List[Record]:
    """Has the step of now do parts of its work, and returns what came of them, in order.

    Args:
        course: What the step works on; as many processes do as it has jobs.
        numbers: Which parts.

    Raises:
        CompressError: If one of them can't be done.
    """
    return [course.stage.step.part(course, number) for number in numbers]


def part_elsewhere(task: PartOfStep) -> Record:
    """Does a part of a step in a process that knows nothing of the run yet.

    Args:
        task: The part.
    """
    with _course_at(task) as course:
        return course.stage.step.part(course, task.number)


@contextmanager
def _course_at(task: PartOfStep) -> Iterator[Course]:
    """A course of a run as it is where a step does its parts."""
    recipe, stages = task.recipe, task.recipe.stages
    with own_parameters():
        set_seed(recipe.seed)
        inputs = inputs_of_run(recipe, task.recipe_folder)
        inputs.build(inputs.variables(), True)
        load_given(recipe, task.recipe_folder)
        if recipe.evaluate:
            inputs.answer()
        course = Course(recipe, task.folder, inputs, resume=True, recipe_folder=task.recipe_folder)
        course.replay(stages[: task.stage - 1])
        course.begin(stages[task.stage - 1])
        load_parameters(task.parameters, made_again(task.parameters))
        yield course
