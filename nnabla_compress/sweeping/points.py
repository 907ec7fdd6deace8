# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Points of a sweep: each a run, carried out wherever there is a worker, and what it came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.runs import Run
from nnabla_compress.runs.finished import open_run, trained_network
from nnabla_compress.training import evaluate

_ROW = "point.json"


@dataclass(frozen=True)
class Row:
    """What became of a point.

    Args:
        size: Name of the size.
        compression: Name of the compression.
        folder: Its run folder, below that of the sweep.
        epochs: How long the size was trained.
        validation: Accuracy on validation samples; None where it failed.
        test: Accuracy on test samples; None without any.
        bytes: Bytes of the weights, packed.
        nnb_bytes: Bytes of the ``.nnb``; None where none was written.
        macs: Multiply-accumulates for one sample.
        parameters: Number of parameters.
        failed: Why it came to nothing; empty if it did not fail.
    """

    size: str
    compression: str
    folder: str
    epochs: float
    validation: Optional[float] = None
    test: Optional[float] = None
    bytes: Optional[int] = None
    nnb_bytes: Optional[int] = None
    macs: Optional[int] = None
    parameters: Optional[int] = None
    failed: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.size}, {self.compression}"

    def as_dict(self) -> Dict[str, Any]:
        """Returns what is written of it; what is not known is left out."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


@dataclass(frozen=True)
class Point:
    """A run to be carried out, as a worker is told of it.

    Args:
        recipe: Its recipe, with full paths.
        folder: The run folder.
    """

    recipe: Recipe
    folder: Path


def carried_out(point: Point) -> Mapping[str, Any]:
    """Carries a point out, or goes on where it was killed; nothing is done again.

    Args:
        point: The point.

    Returns:
        Fields of its :class:`Row`.

    Raises:
        CompressError: If it can't be carried out.
    """
    kept = point.folder / _ROW
    again = f"remove {point.folder}; it is made again then"
    if kept.exists():
        return read_record(kept, again)["found"]
    begun = (point.folder / "recipe.yaml").exists()
    run = Run(point.recipe, point.folder, point.folder.parent, resume=begun)
    results = run.execute(lambda name, total: lambda *now: None)
    found = _found(results, _validation(point.folder))
    write_record(kept, {"found": found})
    return found


def _found(results: Results, validation: float) -> Dict[str, Any]:
    made: NetworkResults = results.compressed or results.float
    sizes = made.sizes
    return {
        "validation": validation,
        "test": made.accuracy,
        "bytes": made.packed_weight_bytes or made.float_weight_bytes,
        "nnb_bytes": None if sizes is None else sizes.nnb_bytes,
        "macs": made.macs if made.macs is not None else results.float.macs,
        "parameters": made.parameters,
    }


def _validation(folder: Path) -> float:
    with trained_network(open_run(folder, trust=True)) as (inputs, build):
        split = inputs.data.split("validation")
        score = evaluate(build, split, inputs.preprocessing, loss=inputs.loss)
    if score.accuracy is None:
        raise ConfigError(
            "a sweep compares accuracies, and targets that are numbers have none.",
            help="sweep over a classifier",
        )
    return score.accuracy
