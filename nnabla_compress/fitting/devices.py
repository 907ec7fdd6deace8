# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network takes of a device, made as an attempt makes it but without data or training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping

from nnabla_compress import c_kernels
from nnabla_compress.files import temporary_folder
from nnabla_compress.fitting.limits import Sizes
from nnabla_compress.fitting.question import Question
from nnabla_compress.loading.inputs import load_inputs
from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.nnb import read_nnb
from nnabla_compress.runs.course import Course
from nnabla_compress.runs.export import export_network
from nnabla_compress.simulator.packed import has_int8_layers, has_packed_tables, needs_callbacks
from nnabla_compress.targets import target_named
from nnabla_compress.training import set_seed
from nnabla_compress.turns import one_at_a_time

_BARELY = {"equalization": False, "bias_correction": False, "rounding": False}


def nnb_in(folder: Path) -> Path:
    """Returns the ``.nnb`` that an attempt wrote: of the float network, where that is the answer.

    Args:
        folder: Its run folder.
    """
    made = folder / "results.nnb"
    return made if made.exists() else folder / "float.nnb"


def sizes_of(nnb: Path) -> Sizes:
    """Returns what an ``.nnb`` takes of a device.

    Args:
        nnb: The file.

    Raises:
        DataError: If it is missing or damaged.
    """
    network = read_nnb(nnb)
    code = c_kernels.CODE_BYTES if needs_callbacks(network) else 0
    code += c_kernels.INT8_CODE_BYTES if has_int8_layers(network) else 0
    code += c_kernels.EMBED_CODE_BYTES if has_packed_tables(network) else 0
    return Sizes(nnb.stat().st_size, code, network.buffer_bytes)


def bits_of(rules: List[str]) -> Dict[str, Any]:
    """Returns the step that quantizes weights after training, maps staying float.

    Args:
        rules: For the weights.
    """
    return {"calibrate": {"weights": rules, "activations": None}}


@one_at_a_time
def drafted(
    question: Question, steps: List[Dict[str, Any]], target: str, prefer: str = "flash"
) -> Sizes:
    """Returns what an attempt's network will take.

    Weights start from their values: what calibration and training do to them later changes no
    sizes, but for levels that nothing takes any more.

    Args:
        question: The network and its data; these are loaded only for a target that needs samples.
        steps: As of a recipe; trainings are left out.
        target: What it is exported for.
        prefer: As of a recipe's ``export``.

    Raises:
        CompressError: If the network can't be made, or exported for the target.
    """
    with_data = target_named(target).needs_samples
    quick = [_quick(step) for step in steps if "train" not in step]
    recipe = question.recipe("draft", quick, target, prefer, with_data)
    with own_parameters(), temporary_folder() as place:
        set_seed(recipe.seed)
        inputs = load_inputs(recipe, place, unlabelled=True, targets="none")
        inputs.build(inputs.variables(), True)
        load_given(recipe, place)
        course = Course(recipe, place, inputs, recipe_folder=place)
        for stage in recipe.stages:
            course.go(stage)
        export_network(place / "draft.nnp", inputs, course.build, recipe.export)
        return sizes_of(place / "draft.nnb")


def _quick(step: Mapping[str, Any]) -> Dict[str, Any]:
    found = dict(step)
    if "calibrate" in found:
        found["calibrate"] = {**found["calibrate"], **_BARELY, "activations": None}
    return found
