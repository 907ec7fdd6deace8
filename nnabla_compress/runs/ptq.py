# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of a recipe's network, from its data to a folder of results."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.calibration.ptq import post_training_quantize
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.steps import step_rows
from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import new_files, write_json
from nnabla_compress.loading.inputs import Inputs, load_inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.locks import locked
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.learned import learned_rows
from nnabla_compress.runs import doubts
from nnabla_compress.runs.export import check_exportable, export_network
from nnabla_compress.runs.folder import refuse_foreign
from nnabla_compress.runs.post_trained import PostTrained, divide, on
from nnabla_compress.runs.run import _scored, versions
from nnabla_compress.runs.written import note_checksums
from nnabla_compress.training.evaluate import Build
from nnabla_compress.turns import one_at_a_time

Tell = Callable[[str], None]


@one_at_a_time
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
    with locked(output), own_parameters():
        if (output / "results.json").exists() or (output / "recipe.yaml").exists():
            raise ConfigError(f"{output} holds a run already.", help="-o chooses another folder")
        refuse_foreign(output)
        labelled = None if scored is not None else "none"
        inputs = load_inputs(recipe, folder, unlabelled=True, targets=labelled)
        calibrated = inputs.splits is not None
        if calibrated:
            inputs.check_rows()
        check_exportable(inputs, recipe.export.target)
        other = None if scored is None or scored.data is None else scored.data
        data = None if other is None else other.model_dump(mode="json")
        divide(inputs, recipe, folder, samples, data)
        calibration = _calibration(inputs) if calibrated else None
        results: Dict[str, Any] = {"name": output.resolve().name, "seed": recipe.seed}
        results["versions"] = versions()
        results["date"] = datetime.date.today().isoformat()
        test = None if scored is None else _test(inputs)
        if test is not None and not test.labelled and inputs.answer():
            results["targets"] = "the float network's answers, where the data has none"
            test = _test(inputs)
        x = inputs.variables()
        several = not isinstance(x, nn.Variable)
        with nn.auto_forward(False):
            logits = inputs.build(x, True)
        variables = list(x.values()) if several else [x]
        with new_files(output) as target:
            doubtful = doubts.of_inputs(calibration or [], variables, [logits])
            for note in doubtful:
                tell(f"note: {note}.")
            result = post_training_quantize([logits], variables, calibration, settings, tell)
            results["settings"] = asdict(settings)
            results["calibration_samples"] = 0 if calibration is None else len(calibration[0])
            results["steps"] = step_rows(result.steps)
            results["notes"] = [*(f"{note}." for note in doubtful), *result.notes]
            build = on(result.outputs, result.inputs, list(x) if several else None)
            for part, name, made, files, scope in (
                ("float", "float", inputs.build, recipe.export.for_float(), {}),
                ("compressed", "results", build, recipe.export, result.scope),
            ):
                with nn.parameter_scope("", scope):
                    cause = doubts.QUANTIZATION if "float" in results else None
                    if "warnings" in results.get("float", {}):
                        cause = None
                    scores = {} if test is None else _score(part, made, inputs, test, tell, cause)
                    exported = export_network(target / f"{name}.nnp", inputs, made, files)
                results[part] = {**scores, **exported.as_dict()}
                if part == "compressed":
                    results["layers"] = exported.report.rows_as_dicts()
                    results["what_stays"] = exported.report.what_stays()
            with nn.parameter_scope("", result.scope):
                results["quantizers"] = learned_rows(result.outputs)
            kept = PostTrained.of(result, settings, samples, scored)
            kept.write(target, recipe, folder, result.scope)
            write_json(target / "results.json", results)
            note_checksums(target)
    return results


def _calibration(inputs: Inputs) -> List[np.ndarray]:
    """The network's inputs for all training samples."""
    arrays = inputs.drawn(len(inputs.data.split("train"))).arrays
    return [arrays[name] for name in inputs.shapes] if len(arrays) > 1 else list(arrays.values())


def _test(inputs: Inputs) -> Split:
    if "test" not in inputs.data.splits:
        raise DataError(
            "calibration takes all samples, so none are left to score on.",
            help="take fewer with --samples, or score on other data with --evaluate DATA",
        )
    return inputs.data.split("test")


def _score(
    part: str, build: Build, inputs: Inputs, test: Split, tell: Tell, cause: Optional[str]
) -> Dict[str, Any]:
    tell(f"scoring the {part} network on {len(test)} samples")
    return _scored(doubts.scored(inputs, build, test, cause=cause))
