# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What options of a transform come to: made of a copy of a run's network, trained a little, judged.

Another process brings a course of its own to the same place, once, and judges all candidates that
it is sent with copies of that; what they come to is the same wherever they are judged.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.analysis.packed_bytes import packed_weight_bytes
from nnabla_compress.calibration.observe import compute
from nnabla_compress.data import Split
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.files import writable_folder
from nnabla_compress.graph.network import Network
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.runs.course import Course
from nnabla_compress.runs.parts import PartOfStep, course_at
from nnabla_compress.search.sampler import Judged
from nnabla_compress.training import Trainer, TrainingSettings, evaluate, set_seed
from nnabla_compress.training.evaluate import Build
from nnabla_compress.transforms import transform_named

AGREEMENT, NOISE, ACCURACY = "agreement", "noise", "accuracy"
_SCRATCH = "candidates"


@dataclass(frozen=True)
class Trying:
    """How candidates are tried.

    Args:
        over: The transform that they are options of.
        samples: How many samples outputs are measured on, and an accuracy.
        score: What quality is: AGREEMENT, the share of samples of which the largest output is the
            same as the given network's; NOISE, the signal as a part of signal and noise; ACCURACY,
            that on validation samples as a part of the given network's.
        training: A training of each candidate, from the parameters of the given network.
    """

    over: str
    samples: int
    score: str
    training: Optional[TrainingSettings] = None


class Candidates:
    """Judges candidates on copies of a network, in this process.

    Args:
        course: Has the network, its parameters in the current scope, and data.
        trying: How.

    Raises:
        CompressError: If the network can't be judged so.
    """

    def __init__(self, course: Course, trying: Trying) -> None:
        self._course, self._trying = course, trying
        network = course.network()
        arrays = course.samples(trying.samples)
        assert arrays is not None
        self._rows = network.in_order(arrays)
        self._expected = _computed(network, self._rows)
        if trying.score == AGREEMENT and any(y.shape[-1] < 2 for y in self._expected):
            self._needs_noise("outputs of one number agree whatever they are")
        self._of_given = 0.0
        if trying.score == ACCURACY:
            self._of_given = self._accuracy(course.build)
            if not self._of_given:
                self._needs_noise("the given network answers no validation sample right")

    def __call__(self, options: Mapping[str, Any]) -> Judged:
        """Returns what options of the transform come to.

        Args:
            options: The options.

        Raises:
            CompressError: If they don't fit the network, its outputs are no numbers, or its
                training fails.
        """
        trying = self._trying
        transform = transform_named(trying.over).checked(options)
        with self._course.apart(trying.training is not None) as course:
            set_seed(course.seed)
            course.apply(transform)
            course.start()
            if trying.training is not None:
                self._train(course, trying.training)
            network = course.network()
            got = _computed(network, self._rows)
            pairs = list(zip(self._expected, got))
            signal = sum(float(np.square(y, dtype=np.float64).sum()) for y, _ in pairs)
            noise = sum(float(np.square(y - q, dtype=np.float64).sum()) for y, q in pairs)
            if not np.isfinite(noise):
                raise CompressError(
                    "its outputs are not all numbers.", help="train with a smaller learning rate"
                )
            ratio = noise / signal if signal else noise
            quality = 1 / (1 + ratio)
            if trying.score == AGREEMENT:
                same = [np.mean(y.argmax(axis=-1) == q.argmax(axis=-1)) for y, q in pairs]
                quality = float(np.mean(same))
            elif trying.score == ACCURACY:
                quality = self._accuracy(course.build) / self._of_given
            return Judged(ratio, packed_weight_bytes(network.all_outputs), quality)

    def _train(self, course: Course, settings: TrainingSettings) -> None:
        """Trains; nothing of it stays but the parameters."""
        files = writable_folder(course.files / _SCRATCH)
        inputs = course.inputs
        with tempfile.TemporaryDirectory(dir=files) as folder:
            trainer = Trainer(
                course.build,
                replace(inputs.data, validation=None),
                settings,
                Path(folder),
                inputs.preprocessing,
                course.augmentation,
                course.seed,
                loss=inputs.loss,
            )
            trainer.run()
        clear_memory_cache()

    def _accuracy(self, build: Build) -> float:
        inputs = self._course.inputs
        split = validation_samples(self._course, self._trying.samples)
        score = evaluate(build, split, inputs.preprocessing, loss=inputs.loss)
        if score.accuracy is None:
            self._needs_noise("targets that are numbers have no accuracy")
        assert score.accuracy is not None
        return score.accuracy

    @staticmethod
    def _needs_noise(why: str) -> None:
        raise ConfigError(f"search: {why}.", help="add score: noise")


@dataclass(frozen=True)
class CandidatesElsewhere:
    """Judges candidates in another process, which is told where in a run it is.

    Args:
        place: The step of the run.
        trying: How.
    """

    place: PartOfStep
    trying: Trying

    def __call__(self, options: Mapping[str, Any]) -> Judged:
        """Returns what options come to, as :class:`Candidates` does.

        Args:
            options: The options.
        """
        scope, candidates = _at(self.place, self.trying)
        with own_parameters(), nn.parameter_scope("", scope):
            return candidates(options)


_there: Dict[Any, Tuple[Dict[str, Any], Candidates]] = {}


def _at(place: PartOfStep, trying: Trying) -> Tuple[Dict[str, Any], Candidates]:
    """A course at a step of a run, its scope with it: kept for what else is sent there."""
    key = (
        place.recipe.dump(),
        place.recipe_folder,
        place.stage,
        place.parameters,
        place.parameters.stat().st_mtime_ns,
    )
    if key not in _there:
        _there.clear()
        with course_at(place) as course:
            scope = nn.parameter.get_current_parameter_scope()
            _there[key] = scope, Candidates(course, trying)
    return _there[key]


def validation_samples(course: Course, most: int) -> Split:
    """Returns the samples that accuracies of candidates are of.

    Args:
        course: Has the data.
        most: How many at most; they are drawn.

    Raises:
        DataError: If there are no validation samples.
    """
    split = course.inputs.data.split("validation")
    if len(split) <= most:
        return split
    drawn = np.random.RandomState(course.seed).permutation(len(split))[:most]
    return split.take(np.sort(drawn))


def forget(course: Course) -> None:
    """Removes what trainings of candidates left that were killed.

    Args:
        course: At the step that tried them.
    """
    shutil.rmtree(course.files / _SCRATCH, ignore_errors=True)


def _computed(network: Network, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
    with nn.auto_forward(False):
        return compute(network.all_outputs, network.all_inputs, list(rows))
