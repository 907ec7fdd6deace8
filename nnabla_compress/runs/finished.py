# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can be done with a run that has finished: scoring and exporting it again."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Tuple

import nnabla as nn

from nnabla_compress.checksums import check_bytes, read_record
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters.console_project import ProjectLoss
from nnabla_compress.exporters.sizes import FloatSizes
from nnabla_compress.extension import computing_as_asked
from nnabla_compress.files import new_files
from nnabla_compress.graph.network import Network
from nnabla_compress.inspection.recovered import recovered_network
from nnabla_compress.loading.inputs import (
    Inputs,
    OtherData,
    load_inputs,
)
from nnabla_compress.loading.model import network_of
from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.locks import locked
from nnabla_compress.models import NnpFile, network_file
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.recipes import ExportPart, ModelPart, Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs.course import Course
from nnabla_compress.runs.divided import inputs_of_run
from nnabla_compress.runs.doubts import scored
from nnabla_compress.runs.export import (
    Exported,
    check_samples,
    export_graph,
    export_network,
    with_exits,
)
from nnabla_compress.runs.run import CHANGED, Run
from nnabla_compress.runs.trust import check_trust, confined_recipe
from nnabla_compress.runs.written import forget_checksums
from nnabla_compress.training import Score, set_seed
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.losses import default_loss
from nnabla_compress.turns import one_at_a_time

_RECIPE, _RESULTS, _FLOAT = "recipe.yaml", "results.nnp", "float.nnp"
_AGREEMENT = "agreement with the float network"


@one_at_a_time
def open_run(folder: Path, trust: bool = False) -> Run:
    """Opens a run folder that exists.

    Args:
        folder: The run folder.
        trust: Whether the Python code that its recipe names may run.

    Raises:
        ConfigError: If it holds no run, or names code and is not trusted.
    """
    kept = folder / _RECIPE
    if not folder.exists():
        raise ConfigError(
            f"there is no {folder}.", help="name a run folder or an .nnp file that exists"
        )
    other = other_format(folder)
    if folder.is_file() and other is not None:
        raise ConfigError(f"{folder} is {other[0]}, not a run folder.", help=other[1])
    if not kept.exists():
        raise ConfigError(
            f"{folder} is no run folder: it has no {_RECIPE}.",
            help=f"name the file in it: {folder / _RESULTS}"
            if (folder / _RESULTS).is_file()
            else "give a folder that 'nnabla-compress run', 'compress' or 'ptq' wrote",
        )
    check_bytes(kept, CHANGED)
    source = folder
    if (folder / "source.json").exists():
        source = Path(read_record(folder / "source.json", CHANGED).get("folder", folder))
    recipe = Recipe.read(kept)
    if trust:
        return Run.kept_in(recipe, folder, source)
    check_trust(folder, recipe)
    run = Run.kept_in(confined_recipe(recipe), folder, source)
    run.trusted = False
    return run


def stored_in(target: Path) -> Path:
    """Returns what a path stands for: a run folder or a file as it is, else the file of a folder.

    Args:
        target: What a user named.
    """
    stored = target / _RESULTS
    if target.is_dir() and not (target / _RECIPE).exists() and stored.is_file():
        return stored
    return target


@contextmanager
def _written_to(nnp: Path, run: Optional[Path] = None) -> Iterator[None]:
    """Holds the folder of an export while it is written, and the run's if it lies in that."""
    folder = nnp.parent
    with ExitStack() as stack:
        # Where nobody may write, no run goes on.
        within = run is not None and run.resolve() in folder.resolve().parents
        if run is not None and within and os.access(run, os.W_OK):
            stack.enter_context(locked(run, shared=True))
        stack.enter_context(locked(folder))
        stack.enter_context(new_files(folder))
        forget_checksums(folder, nnp.stem)
        yield


@contextmanager
def trained_network(run: Run, other: Optional[OtherData] = None) -> Iterator[Tuple[Inputs, Build]]:
    """Gives the inputs and the network of a finished run, its steps done again by their records.

    Args:
        run: The run.
        other: Data instead of the run's own.

    Yields:
        ``(inputs, build)`` within a parameter scope of its own.

    Raises:
        DataError: If the run has not finished, or its network does not give a row a sample.
    """
    recipe = run.recipe
    with own_parameters(), computing_as_asked(recipe.context):
        set_seed(recipe.seed)
        inputs = kept_inputs(run, other)
        if inputs.splits is not None:
            inputs.check_rows()
        if other is None or other.targets != "none":
            inputs.answer()
        course = Course(recipe, run.folder, inputs)
        course.replay(recipe.stages)
        yield inputs, course.build


@contextmanager
def float_network(run: Run, inputs: Inputs) -> Iterator[Build]:
    """Gives the network of a run as it was before its compression, parameters loaded.

    Args:
        run: The run.
        inputs: As :func:`trained_network` gives them: the data.

    Yields:
        The network within a parameter scope of its own.
    """
    recipe = run.recipe
    with own_parameters():
        set_seed(recipe.seed)
        build = network_of(recipe, run.recipe_folder).make(inputs.splits)
        given = replace(inputs, build=build)
        given.build(given.variables(), True)
        load_given(recipe, run.recipe_folder)
        stages = recipe.stages
        first = next((n for n, s in enumerate(stages) if s.step.compresses), len(stages))
        course = Course(recipe, run.folder, given)
        course.replay(stages[:first])
        yield course.build


def kept_inputs(run: Run, other: Optional[OtherData]) -> Inputs:
    """Returns the float network of a run, its parameters in the current scope, and its data.

    Args:
        run: The run.
        other: Data instead of the run's own.
    """
    recipe = run.recipe
    # Where nothing was scored nothing looked at targets: they may be of any kind.
    targets = None if recipe.evaluate or recipe.needs_targets else "either"
    if other is None:
        inputs = inputs_of_run(recipe, run.recipe_folder, targets)
    else:
        inputs = load_inputs(recipe, run.recipe_folder, not recipe.needs_targets, targets)
    inputs.build(inputs.variables(), True)
    load_given(recipe, run.recipe_folder)
    if other is not None:
        other.put(inputs, network_of(recipe, run.recipe_folder))
    return inputs


@one_at_a_time
def evaluate_run(
    folder: Path,
    split: str = "test",
    batch_size: int = 100,
    trust: bool = False,
    other: Optional[OtherData] = None,
) -> Score:
    """Scores the compressed network of a finished run.

    Args:
        folder: The run folder.
        split: "train", "validation" or "test" of the data.
        batch_size: Samples of a forward pass.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.

    Raises:
        CompressError: If the folder holds no finished run.
    """
    with trained_network(open_run(folder, trust), other) as (inputs, build):
        score = scored(inputs, build, inputs.data.split(split), batch_size)
        if split in inputs.answered:
            return replace(score, accuracy_name=_AGREEMENT)
        return score


@one_at_a_time
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


@one_at_a_time
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
    with own_parameters():
        inputs = inputs_of_file(path, recipe, folder, network)
        inputs.check_rows()
        samples = inputs.data.split(split)
        if samples.labelled:
            return scored(inputs, inputs.build, samples, batch_size)
        reference = path.with_name(_FLOAT)
        if path.name == _FLOAT or not reference.is_file():
            raise DataError(
                f"{inputs.data.name} has no targets to score {path} on.",
                help="add them as y, or name them: --data FILE.npz,y=NAME; or give a folder of "
                "'ptq' or 'compress', whose float network answers; 'verify' compares without any",
            )
        answers = inputs_of_file(reference, recipe, folder, None)
        with own_parameters():
            answers.answer()
        samples = answers.data.split(split)
        score = scored(inputs, inputs.build, samples, batch_size)
        return replace(score, accuracy_name=_AGREEMENT)


def inputs_of_file(
    path: Path,
    recipe: Recipe,
    folder: Path,
    network: Optional[str],
    targets: Optional[str] = None,
    file: Optional[NnpFile] = None,
) -> Inputs:
    """Returns the network of a file with the data of a recipe.

    Args:
        path: The file.
        recipe: Says data, preprocessing and loss.
        folder: Where its relative paths start.
        network: Which network of the file.
        targets: As of :func:`~nnabla_compress.loading.inputs.load_data`.
        file: The file, if it has been read.
    """
    model = ModelPart(nnp=str(path.absolute()), network=network)
    recipe = recipe.model_copy(
        update={"model": model, "float_training": None, "compression": None, "steps": None}
    )
    return load_inputs(recipe, folder, unlabelled=True, targets=targets, file=file)


@one_at_a_time
def export_run(
    folder: Path,
    output: Path,
    target: str = "portable",
    trust: bool = False,
    other: Optional[OtherData] = None,
    **options: Any,
) -> Exported:
    """Exports the compressed network of a finished run.

    Args:
        folder: The run folder.
        output: Folder for the files.
        target: What the files are for.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own, for targets that choose number formats from samples.
        options: More of :class:`~nnabla_compress.recipes.ExportPart`: ``nnb``, ``c``, ``api``,
            ``batch_size``, ``storage``, ``snap_dictionary``, ``samples``.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the folder holds no finished run, or the network can't be exported.
    """
    part = ExportPart.checked({"target": target, **options})
    run = open_run(folder, trust)
    check_samples(part.target, other is not None or run.recipe.data is not None)
    nnp = output / f"{run.recipe.name}.nnp"
    before = _float_sizes(folder)
    with trained_network(run, other) as (inputs, build), _written_to(nnp, folder):
        return export_network(nnp, inputs, build, part, before)


def _float_sizes(folder: Path) -> Optional[FloatSizes]:
    """What the network that a run compressed takes in float, None where the run wrote no file."""
    try:
        sizes = Results.read(folder).float.sizes
    except DataError:  # of a run without results
        return None
    return None if sizes is None else FloatSizes(sizes.nnb_bytes, sizes.buffer_bytes)


@one_at_a_time
def export_file(
    path: Path,
    output: Path,
    target: str = "portable",
    recipe: Optional[Recipe] = None,
    folder: Path = Path("."),
    **options: Any,
) -> Exported:
    """Exports the network of an ``.nnp`` file as it is: codes as codes, floats as floats.

    Args:
        path: The file, or a folder of results of Neural Network Console; the network that infers
            is taken.
        output: Folder for the files, which are called as ``path``.
        target: What the files are for.
        recipe: Says data and preprocessing, for targets that choose number formats from samples,
            and which network of the file.
        folder: Where the recipe's relative paths start.
        options: As of :func:`export_run`.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the file is damaged, or the network can't be exported.
    """
    part = ExportPart.checked({"target": target, **options})
    check_samples(part.target, recipe is not None and recipe.data is not None)
    path = network_file(path)
    nnp = (output / path.name).with_suffix(".nnp")
    if nnp.exists() and nnp.samefile(path):
        raise ConfigError(f"the export would replace {path}.", help="choose another folder with -o")
    with own_parameters(), _written_to(nnp):
        samples, name = None, None if recipe is None else recipe.model.network
        file = NnpFile(path)
        if recipe is not None and recipe.data is not None:
            inputs = inputs_of_file(path, recipe, folder, name, "none", file)
            inputs.check_rows()
            samples = inputs.drawn(part.samples).arrays
        only = file.only_batch(name)
        network = file.build(name, batch_size=only or 1)
        if samples is not None and len(network.inputs) == 1:
            samples = dict(zip(network.inputs, samples.values()))
        found = recovered_network(path, network)
        outputs = dict(zip(network.outputs, found.outputs))
        loss = _loss_of(file, name, outputs) if part.console is not None else None
        notes = [*file.notes(name), *found.notes]
        exported = export_graph(
            nnp,
            outputs,
            network.inputs,
            part,
            samples,
            only_batch=only,
            loss=loss,
            notes=notes,
            float_network=found.float_sizes,
        )
        if part.exits is None:
            return exported
        return with_exits(nnp, exported, Network(network.inputs, outputs), part, samples)


def _loss_of(file: NnpFile, name: Optional[str], outputs: Mapping[str, nn.Variable]) -> ProjectLoss:
    """The loss of a stored network; without one, that which its last activation is for."""
    head = file.head(name)
    shape = next(iter(outputs.values())).shape
    known = {"Softmax": "SoftmaxCrossEntropy", "Sigmoid": "SigmoidCrossEntropy"}
    loss = head.loss or known.get(head.activation or "")
    if loss is None:
        loss = default_loss(shape).name if len(shape) == 2 else "SquaredError"
    axis = int(head.arguments.get("axis", 1 if head.axis is None else head.axis))
    return ProjectLoss(loss, axis % len(shape), float(head.arguments.get("delta", 1)))
