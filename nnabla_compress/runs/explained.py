# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a compression lost: of a run folder, or of two files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.explanation import Asked, Explanation, Side, explain
from nnabla_compress.files import new_files
from nnabla_compress.graph.network import Network
from nnabla_compress.inspection.recovered import recovered_network
from nnabla_compress.loading.inputs import Inputs, OtherData
from nnabla_compress.loading.model import network_of
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.locks import locked
from nnabla_compress.recipes import ModelPart, Recipe
from nnabla_compress.runs.finished import inputs_of_file, kept_inputs, open_run
from nnabla_compress.training.evaluate import outputs_of
from nnabla_compress.turns import one_at_a_time

_FLOAT, _RESULTS = "float.nnp", "results.nnp"


@one_at_a_time
def explain_run(
    folder: Path,
    output: Path,
    asked: Asked,
    trust: bool = False,
    other: Optional[OtherData] = None,
) -> Explanation:
    """Compares the float network of a run with the compressed one.

    Args:
        folder: The run folder.
        output: Folder for the files.
        asked: What is to be explained.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.

    Returns:
        What was found; it is written, too.

    Raises:
        CompressError: If the folder holds no finished run, or its networks are no classifiers.
    """
    run = open_run(folder, trust)
    for name in (_FLOAT, _RESULTS):
        if not (folder / name).is_file():
            raise ConfigError(
                f"{folder} has no {name}.",
                help="go on with a run that has not finished by 'nnabla-compress run -o FOLDER "
                "--resume'; a run that compresses nothing has no such file",
            )
    with own_parameters():
        data = kept_inputs(run, other)
    before, after = (_side(folder / name, name, run.recipe, data) for name in (_FLOAT, _RESULTS))
    with locked(output) as target, new_files(target):
        return explain(before, after, target, asked)


@one_at_a_time
def explain_files(
    before: Path, after: Path, recipe: Recipe, folder: Path, output: Path, asked: Asked
) -> Explanation:
    """Compares the networks of two files on the data of a recipe.

    Args:
        before: The file of the float network.
        after: The file of the compressed one.
        recipe: Says data and preprocessing.
        folder: Where the recipe's relative paths start.
        output: Folder for the files.
        asked: What is to be explained.

    Returns:
        What was found; it is written, too.

    Raises:
        CompressError: If a file is missing or damaged, or the networks don't fit each other.
    """
    chosen = recipe.model.network if recipe.model.nnp == str(before) else None
    with own_parameters():
        data = inputs_of_file(before, recipe, folder, chosen)
    same = before.name == after.name
    sides = [
        _side(path, str(path) if same else path.name, recipe, data, network)
        for path, network in ((before, chosen), (after, None))
    ]
    with locked(output) as target, new_files(target):
        return explain(sides[0], sides[1], target, asked)


def _side(
    path: Path, name: str, recipe: Recipe, data: Inputs, network: Optional[str] = None
) -> Side:
    """The network of a file on data that are loaded."""
    reference = path.with_suffix(".reference.nnp")
    # What NNabla computes of a file for a converter is not what the device does.
    path = reference if reference.is_file() else path
    part = ModelPart(nnp=str(path.absolute()), network=network)
    model = network_of(recipe.model_copy(update={"model": part}), Path("."))
    own, given = (
        [tuple(s) for s in (of or {}).values()] for of in (model.wanted.shapes, data.shapes)
    )
    if own != given:
        raise ConfigError(
            f"{path} takes samples of the shapes {own}, the data have {given}.",
            help="give a network and what was made of it",
        )
    inputs = replace(
        data,
        build=model.make(data.splits),
        choose_loss=model.choose_loss,
        finish=model.finish,
        only_batch=model.only_batch,
        notes=model.notes,
        _loss=None,
    )
    return Side(name, inputs, lambda: _inside(path, name, inputs))


def _inside(path: Path, name: str, inputs: Inputs) -> Network:
    """The graph of a file with its layers as they were before an export, where it tells of them."""
    x = inputs.variables()
    network = Network({"x": x}, outputs_of(inputs.build(x, True)), name=name)
    try:
        return network.giving(recovered_network(path, network).outputs)
    except CompressError:  # as it is, it can be looked into, too
        return network
