# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Why a run lost accuracy: its network on its data, or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.commands import Commands
from nnabla_compress.diagnosis.diagnose import Diagnosis, diagnose
from nnabla_compress.diagnosis.named_samples import NamedSamples
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import write_json
from nnabla_compress.graph.network import Network
from nnabla_compress.loading.inputs import Inputs, OtherData
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.recipes.data_words import data_words
from nnabla_compress.report.results import Results
from nnabla_compress.runs.course import made_again
from nnabla_compress.runs.finished import float_network, open_run, trained_network
from nnabla_compress.runs.reported import FINDINGS, renew_report
from nnabla_compress.runs.results import Tell
from nnabla_compress.runs.run import Run
from nnabla_compress.runs.steps.calibrate import Calibrate
from nnabla_compress.safe_names import shell_word
from nnabla_compress.training.evaluate import Build, outputs_of
from nnabla_compress.training.parameter_files import read_parameters
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def diagnose_run(
    folder: Path,
    samples: int = 64,
    trust: bool = False,
    other: Optional[OtherData] = None,
    recipe_data: str = "",
    tell: Tell = lambda line: None,
) -> Diagnosis:
    """Looks for what cost a run its accuracy; the run folder and its report get what was found.

    Args:
        folder: The run folder.
        samples: How many samples, drawn from the training samples if there are any.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.
        recipe_data: Path of the recipe that brings these, if one does.
        tell: Called where the folder can't be written to.

    Returns:
        What was found.

    Raises:
        CompressError: If the folder holds no finished run, or its network is not quantized.
    """
    run = open_run(folder, trust)
    with trained_network(run, other) as (inputs, build):
        if inputs.splits is None:
            raise DataError(
                f"the run in {folder} has no data to look at.", help="add --data with some samples"
            )
        network = _network(inputs, build)
        if not graph_quantizers(network.all_outputs):
            raise ConfigError(
                f"the network of {folder} has no quantizers.",
                help="'explain' tells which classes another compression lost",
            )
        with float_network(run, inputs) as before:
            original = _network(inputs, before)
        file, named = str(folder / "float.nnp"), _named(run, inputs, other, recipe_data)
        case = Case(
            network,
            original,
            inputs.drawn(samples).arrays,
            shell_word(folder),
            file,
            _known_inputs(folder),
            named,
            _before(run),
            _again(run, file, named),
        )
        found = diagnose(case)
    try:
        write_json(folder / FINDINGS, found.as_dict())
        if (folder / "results.json").is_file():
            renew_report(folder)
    except ConfigError as error:
        tell(f"NOTE: the report in {folder} stays as it was: {error.message}")
    return found


def _network(inputs: Inputs, build: Build) -> Network:
    x = inputs.variables()
    given = dict(x) if isinstance(x, dict) else {"x": x}
    return Network(given, outputs_of(build(x, True)))


def _named(run: Run, inputs: Inputs, other: Optional[OtherData], recipe_data: str) -> NamedSamples:
    """How the samples are named in commands."""
    own = other is None
    recipe, start = (
        (run.recipe, run.recipe_folder) if other is None else (other.recipe, other.folder)
    )
    words = "" if recipe.data is None else data_words(recipe.data, start)
    prepared = inputs.preprocessing
    brought = str(run.folder / "recipe.yaml") if own else recipe_data
    return NamedSamples(words, brought, prepared.scale, prepared.mean, prepared.std)


def _again(run: Run, file: str, named: NamedSamples) -> Optional[Commands]:
    """How the last calibration of a run is made again, if nothing has quantized after it."""
    last = next((each.step for each in reversed(run.recipe.stages) if each.step.compresses), None)
    if not isinstance(last, Calibrate):
        return None
    settings = last.settings
    switches = {"--per-tensor": not settings.per_channel, "--power-of-two": settings.power_of_two}
    options = tuple(word for word, given in switches.items() if given)
    return Commands(file, named, settings.weights, settings.activations or (), options)


def _before(run: Run) -> Dict[str, np.ndarray]:
    """What the last step that set parameters set them from, where it kept that."""
    last = next((each for each in reversed(run.recipe.stages) if each.parameters is not None), None)
    path = None if last is None else run.folder / last.before
    if path is None or not path.is_file():
        return {}
    return read_parameters(path, made_again(path))


def _known_inputs(folder: Path) -> List[Dict[str, Any]]:
    try:
        return Results.read(folder).inputs or []
    except DataError:
        return []
