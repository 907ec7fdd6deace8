# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parts of a step that have nothing to do with each other, done one after another or at once.

Another process brings a course of its own to the step by the records of the run, takes the
parameters that the parts begin with from a file, and leaves what it does in the run folder: the
same bits wherever a part is done.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.step import Record
from nnabla_compress.runs.course import Course, made_again
from nnabla_compress.runs.divided import inputs_of_run
from nnabla_compress.training import set_seed
from nnabla_compress.training.parameter_files import load_parameters, save_parameters
from nnabla_compress.workers import done

_START = "start.h5"
_loaded: Dict[Tuple[str, Path], Inputs] = {}


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


def parts(course: Course, numbers: Sequence[int], files: Path) -> List[Record]:
    """Has the step of now do parts of its work, and returns what came of them, in order.

    Args:
        course: What the step works on; its crew does the parts.
        numbers: Which parts.
        files: Folder for what other processes must be told.

    Raises:
        CompressError: If one of them can't be done.
    """
    forget_start(files)
    if course.crew.here:
        return [course.stage.step.part(course, number) for number in numbers]
    tasks = [part_of(course, number, files) for number in numbers]
    at = course.announce(f"{course.files.name} at once", len(tasks))
    ended = 0

    def finished(number: int, result: Any) -> None:
        nonlocal ended
        ended += 1
        at(ended, len(tasks), {})

    found = done(course.crew.map(part_elsewhere, tasks, finished))
    forget_start(files)
    return found


def part_of(course: Course, number: int, files: Path) -> PartOfStep:
    """Returns what another process is told of a part of the step of now.

    Args:
        course: What the step works on; its parameters are saved, the first time.
        number: Which part.
        files: Folder for them.
    """
    start = files / _START
    if not start.exists():
        save_parameters(start)
    # Another process may have another current folder.
    folders = course.folder.resolve(), course.recipe_folder.resolve()
    return PartOfStep(course.recipe, *folders, course.stage.number, number, start.resolve())


def forget_start(files: Path) -> None:
    """Removes the parameters that parts begin with, if there are any.

    Args:
        files: As of :func:`part_of`.
    """
    if (files / _START).exists():
        (files / _START).unlink()


def part_elsewhere(task: PartOfStep) -> Record:
    """Does a part of a step in a process that knows nothing of the run yet.

    Args:
        task: The part.
    """
    with course_at(task) as course:
        return course.stage.step.part(course, task.number)


@contextmanager
def course_at(task: PartOfStep) -> Iterator[Course]:
    """Brings a course of a run to where a step does its parts.

    Args:
        task: The part.
    """
    recipe, stages = task.recipe, task.recipe.stages
    with own_parameters():
        set_seed(recipe.seed)
        inputs = _inputs(task)
        inputs.build(inputs.variables(), True)
        load_given(recipe, task.recipe_folder)
        if recipe.evaluate:
            inputs.answer()
        course = Course(recipe, task.folder, inputs, resume=True, recipe_folder=task.recipe_folder)
        course.replay(stages[: task.stage - 1])
        course.begin(stages[task.stage - 1])
        load_parameters(task.parameters, made_again(task.parameters))
        yield course


def _inputs(task: PartOfStep) -> Inputs:
    """What the recipe refers to; the data is loaded once for all parts of a run."""
    key = task.recipe.dump(), task.recipe_folder
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = inputs_of_run(task.recipe, task.recipe_folder)
    return replace(_loaded[key])
