# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Verifying the files of a run, or any ``.nnp``, on the data of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple, Type

import nnabla as nn
import numpy as np

from nnabla_compress.data import evaluation_batches
from nnabla_compress.errors import DataError
from nnabla_compress.loading.inputs import Inputs, OtherData, load_inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.deployed import deployed
from nnabla_compress.runs.finished import float_network, open_run, trained_network
from nnabla_compress.runs.nnb_network import open_nnb
from nnabla_compress.runs.written import check_written
from nnabla_compress.training.evaluate import Build, outputs_of
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.verification import Samples, Verification, verify_files
from nnabla_compress.verification.engines import FloatGraphEngine, GraphEngine, NnpEngine

_EXPORTED = ("results.nnp", "float.nnp")


@one_at_a_time
def verify_run(
    folder: Path,
    nnp: Optional[Path] = None,
    count: int = 100,
    trust: bool = False,
    other: Optional[OtherData] = None,
) -> Verification:
    """Compares the network of a finished run with the files that were exported of it.

    The float network, as it was before its compression, comes first.

    Args:
        folder: The run folder.
        nnp: The exported file, by default the run's own.
        count: Number of samples: of the data, random ones if there are none.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.

    Raises:
        CompressError: If the folder holds no finished run, or something can't be run.
    """
    run = open_run(folder, trust)
    with trained_network(run, other) as (inputs, build):
        if nnp is None:
            nnp = next((folder / n for n in _EXPORTED if (folder / n).is_file()), None)
        if nnp is None or not nnp.is_file():
            raise DataError(
                f"there is no file {nnp or folder / _EXPORTED[0]}.",
                help="export the run with 'nnabla-compress export'",
            )
        beside = files_beside(nnp)
        check_written([*beside, nnp.with_suffix(".reference.nnp")])
        on_device, of_device = deployed(inputs, build)
        graph = _graph(GraphEngine, on_device, of_device, nnp)
        original = None
        if run.recipe.compresses:
            with float_network(run, inputs) as before:
                original = _graph(FloatGraphEngine, *deployed(inputs, before), nnp)
        samples = samples_of(on_device, count)
        same = all(stage.step.same_function for stage in run.recipe.stages)
        return verify_files(*beside, samples, count, graph, original, same)


@one_at_a_time
def verify_on_data(
    path: Path,
    recipe: Recipe,
    folder: Path,
    count: int = 100,
    original: Optional[Path] = None,
) -> Verification:
    """Compares a file with what is made of it, on the data of a recipe.

    Args:
        path: An ``.nnp``, or an ``.nnb``; the one beside the other takes part.
        recipe: Says data and preprocessing.
        folder: Where the recipe's relative paths start.
        count: Number of samples.
        original: The ``.nnp`` of the float network, as of :func:`verify_files`.

    Raises:
        CompressError: If a file is missing or damaged, or the data does not fit the network.
    """
    nnp, nnb = files_beside(path)
    with own_parameters():
        if nnp is None:
            inputs = open_nnb(path, recipe, folder, targets="either").inputs
        else:
            inputs = load_inputs(recipe, folder, unlabelled=True, targets="either")
            inputs.check_rows()
        samples = samples_of(inputs, count)
    return verify_files(nnp, nnb, samples, count, original=original)


def files_beside(path: Path) -> Tuple[Optional[Path], Optional[Path]]:
    """Returns the ``.nnp`` and the ``.nnb`` of one name, None for what is not there.

    Args:
        path: One of them.
    """
    nnp, nnb = path.with_suffix(".nnp"), path.with_suffix(".nnb")
    return (
        nnp if path == nnp or nnp.is_file() else None,
        nnb if path == nnb or nnb.is_file() else None,
    )


def samples_of(inputs: Inputs, count: int) -> Optional[Samples]:
    """Returns samples of a recipe's data as the network takes them, None if it names no data.

    Args:
        inputs: What the recipe refers to, loaded.
        count: Number of samples, fewer if there are fewer.
    """
    if inputs.splits is None:
        return None
    splits = inputs.splits.splits
    name = next(name for name in ("test", "validation", "train") if name in splits)
    split = splits[name]
    count = min(count, len(split))
    rows = np.unique(np.linspace(0, len(split) - 1, count).astype(int))
    taken = split.take(rows)
    (batch,) = evaluation_batches(taken, len(taken), inputs.preprocessing)
    arrays = {taken.name: batch.x, **batch.more}
    return Samples(
        rows=[arrays[name] for name in arrays],
        source=f"the {'training' if name == 'train' else name} samples",
        labels=batch.y if taken.has_classes and batch.y.ndim == 2 else None,
        names=tuple(arrays),
    )


def _graph(kind: Type[GraphEngine], inputs: Inputs, build: Build, nnp: Path) -> GraphEngine:
    """The network, ended as its export is: in its last activation, or before it."""
    x = inputs.variables()
    made = build(x, True)
    logits, outputs = outputs_of(made), outputs_of(inputs.finish(made))
    given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
    exported = [y.parent.info.type_name for y in NnpEngine(nnp).outputs.values()]
    if exported != [y.parent.info.type_name for y in outputs.values()]:
        outputs = logits
    return kind(given, outputs)
