# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a run measures of its two networks for its report: on passes that it does anyway, or few."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np

from nnabla_compress.analysis.costs import costs, memory_over_time
from nnabla_compress.data import Split
from nnabla_compress.diagnosis.maps import kept_maps, noises
from nnabla_compress.diagnosis.passes import fitting
from nnabla_compress.diagnosis.ranges import map_ranges
from nnabla_compress.errors import CompressError
from nnabla_compress.explanation import Changes
from nnabla_compress.explanation.pictures import are_images
from nnabla_compress.files import writable_folder
from nnabla_compress.graph.network import Network
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.recipes.stages import Stage
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.report.tiles import write_tile
from nnabla_compress.report.weights import Histogram, histogram_rows, weight_histograms
from nnabla_compress.runs.results import Tell
from nnabla_compress.training.monitors import series_of

CHANGED = "changed"
"""Folder of the pictures of samples whose class changed, below the run folder."""
_SAMPLES = 64
_MOST_KEPT = 2**23  # numbers in the maps of the float network, held until the run ends
_MOST_ANSWERS = 2**23
_MOST_CLASSES = 100  # whose confusions are told
_MOST_CHANGED, _MOST_PICTURES = 100, 24
_MOST_MOMENTS = 2000
_MOST_POINTS, _FEWEST_POINTS = 400, 20  # of a series: of all trainings, of each


class Measured:
    """What is measured of the float network first and of the compressed one then.

    Nothing here can cost a training: what fails is told, and left out of the report.

    Args:
        folder: The run folder.
        tell: Called with what could not be measured.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self.folder, self._tell = folder, tell
        self.weights: Dict[str, Histogram] = {}
        self._arrays: Optional[Dict[str, np.ndarray]] = None
        self._inputs: List[Dict[str, Any]] = []
        self._maps: Dict[str, np.ndarray] = {}
        self._answers: List[Optional[np.ndarray]] = [None, None]

    @contextmanager
    def answers(self, of_float: bool) -> Iterator[Callable[[np.ndarray], None]]:
        """Gives what keeps the outputs of a network while it is scored.

        Args:
            of_float: Which network.
        """
        parts: List[np.ndarray] = []
        kept = 0

        def see(values: np.ndarray) -> None:
            nonlocal kept
            kept += values.size
            if kept <= _MOST_ANSWERS:
                parts.append(np.array(values))

        yield see
        whole = parts and kept <= _MOST_ANSWERS
        self._answers[0 if of_float else 1] = np.concatenate(parts) if whole else None

    def float_network(
        self, network: Network, inputs: Inputs, part: NetworkResults, alone: bool = False
    ) -> None:
        """Measures the float network.

        Args:
            network: The network.
            inputs: The data.
            part: What results say of it; becomes more.
            alone: Whether no compressed network follows.
        """
        with self.or_not("the weights of the float network"):
            self.weights = weight_histograms(network.all_outputs)
        self.costs(network, part)
        if inputs.splits is not None and not alone:
            with self.or_not("the maps of the float network"):
                drawn = inputs.drawn(_SAMPLES).arrays
                self._inputs = [_input_row(name, values) for name, values in drawn.items()]
                self._arrays = fitting(network, drawn, _MOST_KEPT)
                self._maps = kept_maps(network, self._arrays)

    def compressed_network(self, network: Network, inputs: Inputs, results: Results) -> None:
        """Measures the compressed network, and how it differs.

        Args:
            network: The network.
            inputs: The data.
            results: What is known by now; becomes more.
        """
        assert results.compressed is not None
        self.costs(network, results.compressed)
        with self.or_not("the weights of the compressed network"):
            after = weight_histograms(network.all_outputs)
            results.histograms = histogram_rows(self.weights, after)
        if self._arrays is not None:
            results.inputs = self._inputs
            with self.or_not("the maps of the compressed network"):
                found = noises(self._maps, kept_maps(network, self._arrays))
                self._maps = {}
                results.map_noise = [each.as_dict() for each in found]
                ranges = map_ranges(network, self._arrays)
                results.ranges = [each.as_dict() for each in ranges]
        with self.or_not("which samples changed their class"):
            results.changes = self._changes(inputs)

    def course(self, stages: Sequence[Stage], records: Sequence[Any], results: Results) -> None:
        """Notes the steps of a run, and what their trainings monitored.

        Args:
            stages: The steps.
            records: What each decided.
            results: Become more.
        """
        rows, curves = [], []
        trainings = sum(stage.step.trains for stage in stages)
        points = max(_FEWEST_POINTS, _MOST_POINTS // max(trainings, 1))
        for number, (stage, record) in enumerate(zip(stages, records)):
            row: Dict[str, Any] = {"step": stage.step.title}
            row["options"] = stage.step.entry()[stage.step.title]
            if stage.step.trains:
                row.update({"updates": record.get("iterations"), "files": stage.files})
                with self.or_not(f"the monitors of {stage.files}"):
                    series = series_of(self.folder / stage.files, points)
                    if series:
                        curves.append({"step": number, "series": series})
            rows.append(row)
        results.course, results.curves = rows, curves or None

    @contextmanager
    def or_not(self, what: str) -> Iterator[None]:
        """Goes on without what fails within the block, and says so.

        Args:
            what: What the report lacks then.
        """
        try:
            yield
        except Exception as error:  # hours of training are worth more than a picture of it
            said = error.message if isinstance(error, CompressError) else repr(error)
            self._tell(f"NOTE: the report lacks {what}: {said}")

    def costs(self, network: Network, part: NetworkResults) -> None:
        """Measures what a network costs.

        Args:
            network: The network.
            part: What results say of it; becomes more.
        """
        with self.or_not("operations and memory"):
            outputs, inputs = network.all_outputs, network.all_inputs
            parameters = network.parameters
            found = costs(outputs, parameters, inputs)
            part.parameters, part.macs = found.parameters, found.macs
            moments = memory_over_time(outputs, parameters, inputs)
            part.memory = [list(moment) for moment in moments[:_MOST_MOMENTS]]

    def _changes(self, inputs: Inputs) -> Optional[Dict[str, Any]]:
        before, after = self._answers
        split = inputs.test if inputs.splits is not None else None
        if before is None or after is None or split is None or before.shape != after.shape:
            return None
        if before.ndim != 2 or not split.has_classes or split.y.ndim != 1:
            return None
        if before.shape[1] == 1:  # one logit stands for two classes
            before, after = (np.hstack([np.zeros_like(a), a]) for a in (before, after))
        name = "test" if inputs.data.test is not None else "validation"
        labels = None if name in inputs.answered else split.y
        changes = Changes(before, after, labels, inputs.data.class_names)
        found = changes.as_dict()
        found["changed_samples"] = len(found["changed"])
        found["changed"] = found["changed"][:_MOST_CHANGED]
        found["split"] = name
        if changes.classes > _MOST_CLASSES:
            for key in ("confusion_before", "confusion_after"):
                del found[key]
        self._picture(split, [row["row"] for row in found["changed"][:_MOST_PICTURES]])
        return found

    def _picture(self, split: Split, rows: Sequence[int]) -> None:
        if not rows or split.more or not are_images(split.x):
            return
        folder = writable_folder(self.folder / CHANGED)
        for row in rows:
            write_tile(folder / f"{row}.png", split.x[row])


def _input_row(name: str, values: np.ndarray) -> Dict[str, Any]:
    found = {"low": values.min(), "high": values.max(), "mean": values.mean(), "std": values.std()}
    return {"name": name, **{key: float(f"{number:.6g}") for key, number in found.items()}}
