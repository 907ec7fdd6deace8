# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints: parameters, solver states and progress, complete or not there at all.

The files are those of NNabla's examples: ``params_<n>.h5``, ``states_<n>.h5`` and
``checkpoint_<n>.json``, which is renamed into place last and so makes the other two valid. It names
their checksums, and all arrays with shape and type. The last two checkpoints are kept.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from pydantic import BaseModel, Field, ValidationError, field_validator

from nnabla_compress.checksums import check_bytes, read_record, write_record
from nnabla_compress.errors import DataError
from nnabla_compress.training.evaluate import Score
from nnabla_compress.training.parameter_files import (
    check_layout,
    checked_content,
    layout_of,
    load_training,
    save_parameters,
    save_states,
)
from nnabla_compress.turns import one_at_a_time

_KEPT = 2


class _Progress(BaseModel):
    """How far a training has come; terms keep entries of their own beside these."""

    best: Optional[Dict[str, Any]] = None
    last: Optional[Dict[str, Any]] = None
    best_epoch: float = 0
    monitors: Dict[str, Tuple[int, List[float]]] = Field(default_factory=dict)

    @field_validator("best", "last")
    @classmethod
    def _a_score(cls, entries: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        known = {entry.name for entry in fields(Score)}
        if entries is not None and not {"loss", "accuracy", "samples"} <= set(entries) <= known:
            raise ValueError("it is no score")
        return entries


class _Record(BaseModel):
    """What a checkpoint's JSON file holds."""

    iteration: int
    seed: Optional[int] = None
    progress: _Progress
    files: Dict[str, str] = Field(default_factory=dict)
    arrays: Dict[str, Dict[str, Tuple[List[int], str]]] = Field(default_factory=dict)


@one_at_a_time
def save(
    folder: Path, iteration: int, solver: Any, progress: Dict[str, Any], seed: Optional[int] = None
) -> None:
    """Writes a checkpoint and then removes all older ones but the last.

    Args:
        folder: Folder of one training's checkpoints; made if missing.
        iteration: Updates done so far.
        solver: The solver whose states belong to it.
        progress: Whatever else the training must know to go on; JSON values.
        seed: What the generators of all later batches and random functions follow from, together
            with the iteration.

    Raises:
        ConfigError: If the folder can't be written to or the disk is full; the checkpoints that
            are there stay.
    """
    parameters, states = _paths(folder, iteration)
    files = {
        parameters.name: save_parameters(parameters),
        states.name: save_states(states, solver),
    }
    arrays = {path.name: layout_of(path, path.read_bytes(), "") for path in (parameters, states)}
    content = {"iteration": iteration, "seed": seed, "progress": progress}
    write_record(_record(folder, iteration), {**content, "files": files, "arrays": arrays})
    numbers = sorted(n for n in _numbers(folder) if n <= iteration)[-_KEPT:]
    for old in _numbers(folder):
        if old not in numbers:
            _record(folder, old).unlink()
    kept = {path for number in numbers for path in _paths(folder, number)}
    for stray in folder.glob("*.h5"):
        if stray not in kept and not stray.name.startswith("."):
            stray.unlink()


@one_at_a_time
def load(folder: Path, solver: Any, seed: Optional[int] = None) -> Optional[Dict[str, Any]]:
    """Reads the newest checkpoint into the current parameter scope and the solver.

    Args:
        folder: Folder of one training's checkpoints.
        solver: Solver with its parameters set.
        seed: The seed of the training that goes on.

    Returns:
        ``{"iteration": ..., "progress": ...}``, None if there is no checkpoint.

    Raises:
        DataError: If a file of the checkpoint is missing or damaged, lacks an array or has one of
            another shape or type. It names the checkpoint before, if that is whole.
    """
    numbers = sorted(_numbers(folder), reverse=True)
    if not numbers:
        return None
    newest = numbers[0]
    try:
        content = _checked(folder, newest)
        if content.get("seed") not in (None, seed):
            raise DataError(f"its seed is {content['seed']}, that of the training is {seed}.")
        load_training(*_paths(folder, newest), solver, "")
    except DataError as error:
        raise DataError(
            f"the checkpoint {newest} in {folder} is damaged: {error.message}",
            help=_way_on(folder, numbers),
        ) from error
    return {"iteration": content["iteration"], "progress": content["progress"]}


def _checked(folder: Path, number: int) -> Dict[str, Any]:
    """Returns the record of a checkpoint whose files are those that it names."""
    content = read_record(_record(folder, number), "")
    if not {"iteration", "progress"} <= set(content) or content["iteration"] != number:
        raise DataError(f"{_record(folder, number).name} says nothing of update {number}.")
    try:
        _Record.model_validate(content)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(
            f"{_record(folder, number).name} holds something else in {place}."
        ) from error
    for path in _paths(folder, number):
        found = layout_of(path, checked_content(path, ""), "")
        stated = content.get("files", {}).get(path.name)
        if stated is None:
            continue
        check_layout(path, found, content.get("arrays", {}).get(path.name, {}), "")
        if check_bytes(path, "") != stated:
            raise DataError(f"{path.name} belongs to another checkpoint.")
    return content


def _way_on(folder: Path, numbers: List[int]) -> str:
    again = "both ways end with the same bits as a training without the damage"
    for number in numbers[1:]:
        try:
            _checked(folder, number)
        except DataError:
            continue
        names = " ".join(str(_record(folder, n)) for n in numbers if n > number)
        return (
            f"the checkpoint {number} is whole: 'rm {names}', and --resume goes on from there; "
            f"or remove {folder}, and --resume begins this training again; {again}"
        )
    return f"no other is whole: remove {folder}, and --resume begins this training again"


def _record(folder: Path, iteration: int) -> Path:
    return folder / f"checkpoint_{iteration}.json"


def _paths(folder: Path, iteration: int) -> Tuple[Path, Path]:
    return folder / f"params_{iteration}.h5", folder / f"states_{iteration}.h5"


def _numbers(folder: Path) -> List[int]:
    found = (re.fullmatch(r"checkpoint_(\d+)\.json", path.name) for path in folder.glob("*.json"))
    return [int(match.group(1)) for match in found if match]
