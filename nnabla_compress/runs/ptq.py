# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of a recipe's network, from its data to a folder of results."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.calibration.ptq import PostTraining, post_training_quantize
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.steps import step_rows
from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import writable_folder, write_json
from nnabla_compress.graph.batches import on_inputs
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.learned import learned_rows
from nnabla_compress.runs import doubts
from nnabla_compress.runs.export import check_exportable, export_network
from nnabla_compress.runs.folder import refuse_foreign
from nnabla_compress.runs.inputs import Inputs, load_inputs
from nnabla_compress.runs.parameters import own_parameters
from nnabla_compress.runs.run import _scored, versions
from nnabla_compress.training.evaluate import Build

Tell = Callable[[str], None]


def run_ptq(
    recipe: Recipe,
    folder: Path,
    output: Path,
    settings: PostTrainingSettings,
    samples: int = 512,
    scored: Optional[Recipe] = None,
    tell: Tell = lambda line: None,
) -> Dict[str, Any]:
    """Quantizes the network of a recipe, exports it, and scores it if asked to.

    Calibration takes training samples where the data has any, else those of the validation or the
    test split; samples that calibration took are never scored on.

    Args:
        recipe: Names the network, the data to calibrate on (none: weights only), the preprocessing
            and the export.
        folder: Where its relative paths start.
        output: Folder for ``results.nnp``, ``float.nnp``, their ``.nnb`` and ``results.json``.
        settings: Quantizers and steps.
        samples: Most samples to calibrate on, drawn with the recipe's seed.
        scored: The same recipe with the data to score on; its test samples, else those of
            validation, are used. None: nothing is scored.
        tell: Called with lines on the progress.

    Returns:
        What ``results.json`` holds.

    Raises:
        CompressError: For anything a user can mend.
    """
    if (output / "results.json").exists() or (output / "recipe.yaml").exists():
        raise ConfigError(f"{output} holds a run already.", help="-o chooses another folder")
    refuse_foreign(output)
    with own_parameters():
        inputs = load_inputs(recipe, folder, unlabelled=True, targets="none")
        taken, calibration = _calibration(inputs, samples)
        test = None if scored is None else _test(scored, folder, recipe, taken)
        check_exportable(inputs, recipe.export.target)
        target = writable_folder(output)
        x = inputs.variables()
        variables = [x] if isinstance(x, nn.Variable) else list(x.values())
        with nn.auto_forward(False):
            logits = inputs.build(x, True)
        doubtful = doubts.of_inputs(calibration or [], variables, [logits])
        for note in doubtful:
            tell(f"note: {note}.")
        result = post_training_quantize([logits], variables, calibration, settings, tell)
        names = None if isinstance(x, nn.Variable) else list(x)
        build = _build(result, names)
        results: Dict[str, Any] = {
            "name": target.resolve().name,
            "seed": recipe.seed,
            "versions": versions(),
            "date": datetime.date.today().isoformat(),
            "settings": asdict(settings),
            "calibration_samples": 0 if calibration is None else len(calibration[0]),
            "steps": step_rows(result.steps),
            "notes": [*(f"{note}." for note in doubtful), *result.notes],
        }
        for part, name, made, files, scope in (
            ("float", "float", inputs.build, recipe.export.for_float(), {}),
            ("compressed", "results", build, recipe.export, result.scope),
        ):
            with nn.parameter_scope("", scope):
                cause = doubts.QUANTIZATION if "float" in results else None
                if "warnings" in results.get("float", {}):
                    cause = None
                scores = {} if test is None else _score(part, made, test, tell, cause)
                exported = export_network(target / f"{name}.nnp", inputs, made, files)
            results[part] = {**scores, **exported.as_dict()}
            if part == "compressed":
                results["layers"] = exported.report.rows_as_dicts()
                results["what_stays"] = exported.report.what_stays()
        with nn.parameter_scope("", result.scope):
            results["quantizers"] = learned_rows(result.outputs)
    write_json(target / "results.json", results)
    return results


def _calibration(
    inputs: Inputs, samples: int
) -> Tuple[Dict[str, np.ndarray], Optional[List[np.ndarray]]]:
    """The rows taken, by the name of their split, and the network's inputs for them."""
    if inputs.splits is None:
        return {}, None
    drawn = inputs.drawn(samples)
    return {drawn.split: drawn.rows}, [drawn.arrays[name] for name in inputs.shapes]


def _test(
    scored: Recipe, folder: Path, recipe: Recipe, taken: Dict[str, np.ndarray]
) -> Tuple[Inputs, Split]:
    """What is scored on, without the samples that calibration took."""
    inputs = load_inputs(scored, folder)
    name = "test" if "test" in inputs.data.splits else "validation"
    split = inputs.data.split(name)
    if scored.data == recipe.data and name in taken:
        rows = np.setdiff1d(np.arange(len(split)), taken[name])
        if not len(rows):
            raise DataError(
                "calibration takes all samples, so none are left to score on.",
                help="take fewer with --samples, or score on other data with --evaluate DATA",
            )
        split = split.take(rows)
    return inputs, split


def _build(result: PostTraining, names: Optional[Sequence[str]]) -> Build:
    """The quantized network as a function of its input or inputs."""

    def build(x: Any, test: bool) -> nn.Variable:
        new = [x] if names is None else [x[name] for name in names]
        return on_inputs(result.outputs, dict(zip(result.inputs, new)))[0]

    return build


def _score(
    part: str, build: Build, test: Tuple[Inputs, Split], tell: Tell, cause: Optional[str]
) -> Dict[str, Any]:
    inputs, split = test
    tell(f"scoring the {part} network on {len(split)} samples")
    return _scored(doubts.scored(inputs, build, split, cause=cause))
