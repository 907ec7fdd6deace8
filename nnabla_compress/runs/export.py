# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exporting the network of a run as it was given: with its last activation and input names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.c_kernels import copy_sources
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import ExportReport, export_nnp
from nnabla_compress.exporters.obstacles import refuse_missing
from nnabla_compress.nnb import read_nnb
from nnabla_compress.runs.inputs import Inputs
from nnabla_compress.runs.parameters import own_parameters
from nnabla_compress.simulator.packed import needs_callbacks
from nnabla_compress.training.evaluate import Build

_SAMPLES = 256


def export_network(
    path: Path, inputs: Inputs, build: Build, target: str, **options: Any
) -> ExportReport:
    """Writes the ``.nnp`` of a network of a run.

    It ends in the activation that the stored network ended in, unless the target lacks that
    function: then in logits.

    Args:
        path: The file.
        inputs: The run's inputs, which know how the network ended.
        build: The network, its parameters in the current scope.
        target: What the file is for.
        options: Further arguments of :func:`~nnabla_compress.exporters.export_nnp`.

    Raises:
        CompressError: If the network can't be exported.
    """
    given, logits = _built(inputs, build)
    options.setdefault("batch_size", inputs.only_batch or 1)
    output = inputs.finish(logits)
    samples = _samples(inputs, list(given))
    try:
        return export_nnp(path, {"y": output}, given, target=target, samples=samples, **options)
    except UnsupportedFunctionError:
        if output == logits:
            raise
        return export_nnp(path, {"y": logits}, given, target=target, samples=samples, **options)


def check_exportable(inputs: Inputs, target: str) -> None:
    """Refuses a network that holds a function which the target lacks, before any long work.

    A last activation that is missing is none: the export then ends before it.

    Args:
        inputs: The run's inputs.
        target: What is to be exported to.

    Raises:
        UnsupportedFunctionError: For the first such function, with its place and a way out.
    """
    with own_parameters(), nn.auto_forward(False):
        given, logits = _built(inputs, inputs.build)
        refuse_missing([logits], list(given.values()), target)


def _built(inputs: Inputs, build: Build) -> Tuple[Dict[str, nn.Variable], nn.Variable]:
    """The network's inputs by name, and its output without a last activation."""
    x = inputs.variables()
    given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
    return given, build(x, True)


def kernels_for(nnb: Path) -> List[Path]:
    """Copies the C kernels for packed weights beside an ``.nnb``, if it needs them.

    Args:
        nnb: The file.

    Returns:
        The paths of the copies.

    Raises:
        CompressError: If the file is damaged, or the folder can't be written to.
    """
    return copy_sources(nnb.parent) if needs_callbacks(read_nnb(nnb)) else []


def _samples(inputs: Inputs, names: Sequence[str]) -> Optional[Dict[str, np.ndarray]]:
    """Inputs that targets choose number formats from; None without data."""
    if inputs.splits is None:
        return None
    batch = inputs.first_batch(_SAMPLES)
    arrays = (batch.x, *(batch.more[name] for name in names if name in batch.more))
    return dict(zip(names, (array[: batch.count] for array in arrays)))
