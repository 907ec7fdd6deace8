# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can be done with a run that has finished: scoring and exporting it again."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Tuple

import nnabla as nn

from nnabla_compress import models
from nnabla_compress.data import resolve_path
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import ExportReport, export_nnb, export_nnp
from nnabla_compress.files import writable_folder
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.inputs import (
    Inputs,
    compressed,
    load_data,
    load_inputs,
    preprocessing_of,
)
from nnabla_compress.runs.parameters import load_parameters, own_parameters
from nnabla_compress.runs.run import Run
from nnabla_compress.training import Score, evaluate, set_seed
from nnabla_compress.training.evaluate import Build


def open_run(folder: Path) -> Run:
    """Opens a run folder that exists.

    Args:
        folder: The run folder.

    Raises:
        ConfigError: If it holds no run.
    """
    kept = folder / "recipe.yaml"
    if not kept.exists():
        raise ConfigError(
            f"{folder} is no run folder: it has no recipe.yaml.",
            help="give a folder that 'nnabla-compress run' wrote",
        )
    try:
        source = Path(json.loads((folder / "source.json").read_text("utf-8"))["folder"])
    except (OSError, ValueError, KeyError):
        source = folder
    return Run(Recipe.read(kept), folder, source, resume=True)


@contextmanager
def trained_network(run: Run) -> Iterator[Tuple[Inputs, Build]]:
    """Gives the inputs and the compressed network of a finished run, parameters loaded.

    Args:
        run: The run.

    Yields:
        ``(inputs, build)`` within a parameter scope of its own.

    Raises:
        DataError: If the run has not finished.
    """
    recipe = run.recipe
    with own_parameters():
        set_seed(recipe.seed)
        inputs = load_inputs(recipe, run.recipe_folder)
        inputs.build(nn.Variable(inputs.shape), True)
        build, part, name = inputs.build, recipe.compression, "float"
        if part is not None:
            if part.fold == "before":
                inputs.fold()
            build, name = compressed(inputs.build, part), "compressed"
            build(nn.Variable(inputs.shape), True)
        finished = run.folder / f"{name}.h5"
        if finished.exists():
            load_parameters(finished)
        elif part is not None or recipe.float_training is not None:
            raise DataError(
                f"the run in {run.folder} has not finished: {finished.name} is missing.",
                help="go on with 'nnabla-compress run RECIPE -o FOLDER --resume'",
            )
        elif recipe.model.parameters is not None:
            load_parameters(resolve_path(recipe.model.parameters, run.recipe_folder, "parameters"))
        yield inputs, build


def evaluate_run(folder: Path, split: str = "test", batch_size: int = 100) -> Score:
    """Scores the compressed network of a finished run.

    Args:
        folder: The run folder.
        split: "train", "validation" or "test" of the run's own data.
        batch_size: Samples of a forward pass.

    Raises:
        CompressError: If the folder holds no finished run.
    """
    with trained_network(open_run(folder)) as (inputs, build):
        return evaluate(build, inputs.data.split(split), inputs.preprocessing, batch_size)


def evaluate_file(
    path: Path, recipe_path: Path, split: str = "test", batch_size: int = 100
) -> Score:
    """Scores an ``.nnp`` file on the data of a recipe.

    Args:
        path: The file.
        recipe_path: The recipe whose data and preprocessing fit the network.
        split: "train", "validation" or "test".
        batch_size: Samples of a forward pass.

    Raises:
        CompressError: If a file is missing or damaged, or the data does not fit the network.
    """
    file = models.NnpFile(path)
    recipe = Recipe.read(recipe_path)
    with own_parameters():
        splits = load_data(recipe, recipe_path.parent)
        return evaluate(
            lambda x, test: file(x, test),
            splits.split(split),
            preprocessing_of(recipe),
            batch_size,
        )


def export_run(
    folder: Path,
    output: Path,
    target: str = "portable",
    nnb: bool = True,
    api: int = 44,
    batch_size: int = 1,
) -> Tuple[ExportReport, List[Path]]:
    """Exports the compressed network of a finished run.

    Args:
        folder: The run folder.
        output: Folder for the files.
        target: What the files are for.
        nnb: Also convert to ``.nnb``.
        api: API level of the ``.nnb`` file.
        batch_size: Batch size of the ``.nnb`` file.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the folder holds no finished run, or the network can't be exported.
    """
    run = open_run(folder)
    writable_folder(output)
    with trained_network(run) as (inputs, build):
        x = nn.Variable(inputs.shape)
        paths = [output / f"{run.recipe.name}.nnp"]
        report = export_nnp(paths[0], {"y": build(x, True)}, {"x": x}, target=target)
        if nnb:
            paths.append(output / f"{run.recipe.name}.nnb")
            export_nnb(paths[1], paths[0], api=api, batch_size=batch_size)
    return report, paths
