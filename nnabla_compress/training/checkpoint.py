# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints: parameters, solver states and progress, complete or not there at all.

The files are those of NNabla's examples: ``params_<n>.h5``, ``states_<n>.h5`` and
``checkpoint_<n>.json``, which is renamed into place last and so makes the other two valid.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Optional

import nnabla as nn

from nnabla_compress.errors import DataError
from nnabla_compress.files import atomic_path, h5_errors, write_json
from nnabla_compress.logs import quiet
from nnabla_compress.models.stored_parameters import check_hdf5
from nnabla_compress.reading import read_json


def save(folder: Path, iteration: int, solver: Any, progress: Dict[str, Any]) -> None:
    """Writes a checkpoint and then removes the older ones.

    Args:
        folder: Folder of one training's checkpoints; made if missing.
        iteration: Updates done so far.
        solver: The solver whose states belong to it.
        progress: Whatever else the training must know to go on; JSON values.

    Raises:
        ConfigError: If the folder can't be written to or the disk is full; the last checkpoint
            stays.
    """
    parameters, states = _paths(folder, iteration)
    with atomic_path(parameters) as path, h5_errors(parameters), quiet():
        nn.save_parameters(str(path))
    with atomic_path(states) as path, h5_errors(states), quiet():
        solver.save_states(str(path))
    content = {"iteration": iteration, "progress": progress}
    write_json(folder / f"checkpoint_{iteration}.json", content)
    for old in _numbers(folder):
        if old != iteration:
            (folder / f"checkpoint_{old}.json").unlink()
    for stray in folder.glob("*.h5"):
        if stray not in (parameters, states):
            stray.unlink()


def load(folder: Path, solver: Any) -> Optional[Dict[str, Any]]:
    """Reads the newest checkpoint into the current parameter scope and the solver.

    Args:
        folder: Folder of one training's checkpoints.
        solver: Solver with its parameters set.

    Returns:
        ``{"iteration": ..., "progress": ...}``, None if there is no checkpoint.

    Raises:
        DataError: If a file of the checkpoint is missing or damaged.
    """
    numbers = _numbers(folder)
    if not numbers:
        return None
    parameters, states = _paths(folder, max(numbers))
    try:
        content = read_json(folder / f"checkpoint_{max(numbers)}.json")
        for path in (parameters, states):
            check_hdf5(path)
        with quiet():
            nn.load_parameters(str(parameters))
            solver.load_states(str(states))
    except Exception as error:  # h5py and NNabla raise whatever a damaged file leads them to
        raise DataError(
            f"the checkpoint {max(numbers)} in {folder} is damaged: {error}.",
            help="remove that folder and start again without --resume",
        ) from error
    return dict(content)


def _paths(folder: Path, iteration: int) -> Any:
    return folder / f"params_{iteration}.h5", folder / f"states_{iteration}.h5"


def _numbers(folder: Path) -> list:
    found = (re.fullmatch(r"checkpoint_(\d+)\.json", path.name) for path in folder.glob("*.json"))
    return [int(match.group(1)) for match in found if match]
