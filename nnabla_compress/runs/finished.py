# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can be done with a run that has finished: scoring and exporting it again."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Tuple

from nnabla_compress.data import resolve_path
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters.recovered import recovered_network
from nnabla_compress.files import writable_folder
from nnabla_compress.models import NnpFile, network_file
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.recipes import ExportPart, ModelPart, Recipe
from nnabla_compress.runs.doubts import scored
from nnabla_compress.runs.export import Exported, export_graph, export_network
from nnabla_compress.runs.inputs import Inputs, compressed, load_inputs, needs_labels
from nnabla_compress.runs.parameters import load_parameters, own_parameters
from nnabla_compress.runs.run import Run
from nnabla_compress.training import Score, set_seed
from nnabla_compress.training.evaluate import Build


def open_run(folder: Path) -> Run:
    """Opens a run folder that exists.

    Args:
        folder: The run folder.

    Raises:
        ConfigError: If it holds no run.
    """
    kept = folder / "recipe.yaml"
    if not folder.exists():
        raise ConfigError(
            f"there is no {folder}.", help="name a run folder or an .nnp file that exists"
        )
    other = other_format(folder)
    if folder.is_file() and other is not None:
        raise ConfigError(f"{folder} is {other[0]}, not a run folder.", help=other[1])
    if not kept.exists():
        raise ConfigError(
            f"{folder} is no run folder: it has no recipe.yaml.",
            help=f"name the file in it: {folder / 'results.nnp'}"
            if (folder / "results.nnp").is_file()
            else "give a folder that 'nnabla-compress run' or 'compress' wrote",
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
        inputs = load_inputs(recipe, run.recipe_folder, unlabelled=not needs_labels(recipe))
        inputs.build(inputs.variables(), True)
        if recipe.model.parameters is not None:
            load_parameters(resolve_path(recipe.model.parameters, run.recipe_folder, "parameters"))
        inputs.answer()
        build, part, name = inputs.build, recipe.compression, "float"
        if part is not None:
            if part.fold == "before":
                inputs.fold()
            build, name = compressed(inputs.build, part), "compressed"
            build(inputs.variables(), True)
        finished = run.folder / f"{name}.h5"
        if finished.exists():
            load_parameters(finished)
        elif part is not None or recipe.float_training is not None:
            raise DataError(
                f"the run in {run.folder} has not finished: {finished.name} is missing.",
                help="go on with 'nnabla-compress run RECIPE -o FOLDER --resume'",
            )
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
        return scored(inputs, build, inputs.data.split(split), batch_size)


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
    return evaluate_network(path, Recipe.read(recipe_path), recipe_path.parent, split, batch_size)


def evaluate_network(
    path: Path, recipe: Recipe, folder: Path, split: str = "test", batch_size: int = 100
) -> Score:
    """Scores an ``.nnp`` file on the data of a recipe.

    Args:
        path: The file.
        recipe: Says data and preprocessing, the loss where the file does not, and which network
            of the file, if it names a file itself.
        folder: Where the recipe's relative paths start.
        split: "train", "validation" or "test".
        batch_size: Samples of a forward pass.

    Raises:
        CompressError: If a file is missing or damaged, or the data does not fit the network.
    """
    network = recipe.model.network if recipe.model.nnp == str(path) else None
    model = ModelPart(nnp=str(path.absolute()), network=network)
    recipe = recipe.model_copy(update={"model": model, "compression": None})
    with own_parameters():
        inputs = load_inputs(recipe, folder)
        return scored(inputs, inputs.build, inputs.data.split(split), batch_size)


def export_run(folder: Path, output: Path, target: str = "portable", **options: Any) -> Exported:
    """Exports the compressed network of a finished run.

    Args:
        folder: The run folder.
        output: Folder for the files.
        target: What the files are for.
        options: More of :class:`~nnabla_compress.recipes.ExportPart`: ``nnb``, ``c``, ``api``,
            ``batch_size``, ``storage``, ``snap_dictionary``, ``samples``.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the folder holds no finished run, or the network can't be exported.
    """
    part = ExportPart.checked({"target": target, **options})
    run = open_run(folder)
    writable_folder(output)
    with trained_network(run) as (inputs, build):
        return export_network(output / f"{run.recipe.name}.nnp", inputs, build, part)


def export_file(path: Path, output: Path, target: str = "portable", **options: Any) -> Exported:
    """Exports the network of an ``.nnp`` file as it is: codes as codes, floats as floats.

    Args:
        path: The file, or a folder of results of Neural Network Console; the network that infers
            is taken.
        output: Folder for the files, which are called as ``path``.
        target: What the files are for.
        options: As of :func:`export_run`.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the file is damaged, or the network can't be exported.
    """
    part = ExportPart.checked({"target": target, **options})
    writable_folder(output)
    path = network_file(path)
    nnp = (output / path.name).with_suffix(".nnp")
    if nnp.exists() and nnp.samefile(path):
        raise ConfigError(f"the export would replace {path}.", help="choose another folder with -o")
    with own_parameters():
        file = NnpFile(path)
        only = file.only_batch()
        network = file.build(batch_size=only or 1)
        found = recovered_network(path, network)
        outputs = dict(zip(network.outputs, found.outputs))
        notes = [*file.notes(), *found.notes]
        return export_graph(
            nnp,
            outputs,
            network.inputs,
            part,
            only_batch=only,
            notes=notes,
            float_network=found.float_sizes,
        )
