# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How well an attempt does on samples that nothing was fitted to."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import layers
from nnabla_compress.data import Split, evaluation_batches
from nnabla_compress.fitting.devices import nnb_in
from nnabla_compress.fitting.question import Question
from nnabla_compress.graph.ends import end_of
from nnabla_compress.loading.inputs import Inputs, load_inputs
from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.course import Course
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.targets import target_named
from nnabla_compress.training import evaluate, set_seed
from nnabla_compress.training.evaluate import Build, judged
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.verification.engines import SimulatorEngine

_BATCH = 100


@dataclass(frozen=True)
class Quality:
    """How well a network does, as one number.

    Args:
        value: Share of right answers, 0 to 1; for targets that are numbers the share of what
            their mean leaves unexplained: 1 - loss / loss of the mean.
        name: What it is called.
        samples: Of how many samples.
    """

    value: float
    name: str
    samples: int

    def below(self, other: Quality) -> float:
        """Returns by how many points it is below another.

        Args:
            other: Of the same samples.

        Example:
            >>> Quality(0.90, "accuracy", 100).below(Quality(0.925, "accuracy", 100))
            2.5
        """
        return round(100 * (other.value - self.value), 10)


class Judge:
    """Scores networks on the same samples.

    Args:
        question: The network and its data.

    Raises:
        CompressError: If they are missing or damaged, or don't fit each other.
    """

    @one_at_a_time
    def __init__(self, question: Question) -> None:
        self._question = question
        with own_parameters():
            inputs = self._loaded()
            self.answered = inputs.answer()
            data = inputs.data
            self.split = data.split(question.judged).take(question.rows(data))
            self.reported: Optional[Split] = (
                None if question.reported is None else data.split(question.reported)
            )
            self._inputs: Inputs = inputs
            output = judged(inputs.build(inputs.variables(), True))
            self.layers = sum(not layer.shared for layer in layers([output]))
            began = time.monotonic()
            self.float = self._quality(inputs.build, self.split)
            # Of a forward pass, for one sample.
            self.seconds = (time.monotonic() - began) / len(self.split)

    def _loaded(self) -> Inputs:
        recipe = self._question.plain
        inputs = load_inputs(recipe, Path("."), unlabelled=True)
        inputs.check()
        inputs.check_rows()
        inputs.build(inputs.variables(), True)
        load_given(recipe, Path("."))
        return inputs

    @one_at_a_time
    def of_float(self, split: Split) -> Quality:
        """Returns the quality of the float network.

        Args:
            split: What it is scored on.
        """
        with own_parameters():
            inputs = self._loaded()
            return self._quality(inputs.build, split)

    @one_at_a_time
    def of_attempt(self, folder: Path, split: Optional[Split] = None) -> Quality:
        """Returns the quality of what an attempt made.

        What a target rounds on purpose is run in the simulator of the C runtime; for others, whose
        files were proved to compute what the network does, the network itself is run.

        Args:
            folder: The run folder of the attempt.
            split: What it is scored on; by default the samples that attempts are judged on.
        """
        recipe = Recipe.read(folder / "recipe.yaml")
        split = self.split if split is None else split
        if target_named(recipe.export.target).rounds_numbers:
            return self._simulated(nnb_in(folder), split)
        with own_parameters():
            set_seed(recipe.seed)
            inputs = replace(self._inputs)
            inputs.build(inputs.variables(), True)
            load_given(recipe, Path("."))
            course = Course(recipe, folder, inputs)
            course.replay(recipe.stages)
            return self._quality(course.build, split)

    @one_at_a_time
    def drawn(self, most: int) -> Tuple[Dict[str, np.ndarray], np.ndarray]:
        """Returns samples that calibration may see: inputs by name, and targets.

        Args:
            most: Most samples.
        """
        samples = self._inputs.drawn(most).samples
        return samples.arrays, samples.y

    def _quality(self, build: Build, split: Split) -> Quality:
        inputs = self._inputs
        score = evaluate(build, split, inputs.preprocessing, _BATCH, inputs.loss)
        if score.accuracy is not None:
            return Quality(score.accuracy, self._name(score.accuracy_name), score.samples)
        return self._explained(score.loss, split)

    def _name(self, accuracy: str) -> str:
        return "agreement with the float network" if self.answered else accuracy

    def _explained(self, loss: float, split: Split) -> Quality:
        """The part of the loss of the targets' mean that a network's loss is below it."""
        mean = np.mean(split.y, axis=0, dtype=np.float64)

        def guess(x: Any, test: bool) -> nn.Variable:
            first = x if isinstance(x, nn.Variable) else next(iter(x.values()))
            output = nn.Variable((first.shape[0], *mean.shape))
            output.d = np.broadcast_to(mean, output.shape)
            return output

        inputs = self._inputs
        guessed = evaluate(guess, split, inputs.preprocessing, _BATCH, inputs.loss).loss
        value = 1 - loss / guessed if guessed > 0 else float(loss <= 0)
        return Quality(value, "explained share", len(split))

    def _simulated(self, nnb: Path, split: Split) -> Quality:
        """Runs the file that the device loads."""
        inputs = self._inputs
        with own_parameters(), nn.auto_forward(False):
            given = inputs.variables()
            # The loss acts on what the last activation gets.
            end = end_of(judged(inputs.finish(inputs.build(given, True))))
        names = list(inputs.shapes)
        batches = list(evaluation_batches(split, _BATCH, inputs.preprocessing))
        parts = [{split.name: batch.x, **batch.more} for batch in batches]
        rows = [np.concatenate([part[name] for part in parts])[: len(split)] for name in names]
        engine = SimulatorEngine(
            Machine(nnb, callbacks=PACKED_CALLBACKS), {} if end is None else {0: end.type}
        )
        found = engine.run(rows)
        outputs = found[-1] if engine.before else found[0]

        def given_outputs(x: Any, test: bool) -> nn.Variable:
            first = x if isinstance(x, nn.Variable) else next(iter(x.values()))
            return first

        answers = replace(split, x=outputs, more={}, name="outputs")
        plain = type(inputs.preprocessing)()
        score = evaluate(given_outputs, answers, plain, _BATCH, inputs.loss)
        if score.accuracy is not None:
            return Quality(score.accuracy, self._name(score.accuracy_name), score.samples)
        return self._explained(score.loss, split)
