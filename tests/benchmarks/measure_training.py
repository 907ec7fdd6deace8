# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where the time of a training goes: ResNet-20 by NNabla's functions and by this package's kernels.

    python tests/benchmarks/measure_training.py --json docs/results/training_speed.json

Updates of the trainings take turns in one process. What counts is the median of the time of each
part: of the processor on one thread; on the clock, where several share the kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import nnabla as nn
import numba
import numpy as np

from nnabla_compress import models
from nnabla_compress.compression import compress
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.data.augmentation import pad_crop_flip
from nnabla_compress.runs.results import begun
from nnabla_compress.training import Trainer, TrainingSettings

PARTS = ("feed", "forward", "backward", "update")
EPOCH = 50_000
HALF = np.arange(2000) < 1000


class Measured:
    """A training whose parts are timed."""

    def __init__(
        self,
        name: str,
        folder: Path,
        batch: int,
        quick: bool,
        how: Dict[str, Any],
        shares: int = 1,
    ) -> None:
        rng = np.random.RandomState(0)
        x = rng.randint(0, 256, (2000, 3, 32, 32)).astype(np.uint8)
        y = rng.randint(0, 10, (2000, 1))
        train, validation = (Split.checked(x[at], y[at], "random") for at in (HALF, ~HALF))
        data = DataSet.checked("random", train=train, validation=validation)
        self.name, self.batch = name, batch
        self.scope: Dict[str, Any] = {}
        self.times: Dict[str, List[float]] = {part: [] for part in PARTS}
        settings = TrainingSettings(epochs=1000, batch_size=batch, cpu_kernels=quick, shares=shares)

        def build(inputs: nn.Variable, test: bool) -> nn.Variable:
            made = models.build("resnet20", inputs, 10, test)
            return compress(made, how) if how else made

        with nn.parameter_scope("", self.scope):
            self.trainer = Trainer(
                build, data, settings, folder / name, Preprocessing(1 / 255), pad_crop_flip
            )

    def step(self, number: int, clock: Callable[[], float]) -> None:
        """Does what one update of the trainer does, a part at a time."""
        trainer, at = self.trainer, [clock()]
        with nn.parameter_scope("", self.scope):
            trainer._put_batch(number)
            at.append(clock())
            trainer.solver.zero_grad()
            trainer.objective.forward(clear_no_need_grad=True)
            at.append(clock())
            trainer.objective.backward(clear_buffer=True)
            at.append(clock())
            trainer.solver.update()
            at.append(clock())
        for part, begin, end in zip(PARTS, at, at[1:]):
            self.times[part].append(end - begin)

    def row(self) -> Dict[str, Any]:
        """Returns the median of each part, and what they add up to."""
        parts = {part: statistics.median(times[1:]) for part, times in self.times.items() if times}
        update = sum(parts.values())
        return {
            "training": self.name,
            "batch": self.batch,
            "total_s": update,
            "epoch_min": update * EPOCH / self.batch / 60,
            **{f"{part}_s": seconds for part, seconds in parts.items()},
            "score_1000_s": self.score_s,
        }

    def score(self, clock: Callable[[], float]) -> None:
        """Scores the 1,000 samples of the validation set, as the end of an epoch does."""
        begin = clock()
        evaluator = self.trainer.evaluator
        assert evaluator is not None
        with nn.parameter_scope("", self.scope):
            evaluator.score(self.trainer.data.split("validation"))
        self.score_s = clock() - begin


TRAININGS = {
    "float": {},
    "LUT-Q, 4 bits": {"weights": ["lut:bits=4"]},
    "DQ, all weights and activations": {
        "weights": ["uniform:bits=4"],
        "activations": [{"layers": "*", "quantizer": "uniform", "bits": 4, "signed": False}],
    },
}


def measured(rounds: int, batches: List[int], folder: Path) -> List[Dict[str, Any]]:
    """Returns a row for each training, batch size and way to compute it."""
    threads = numba.get_num_threads()
    clock = time.process_time if threads == 1 else time.perf_counter
    rows = []
    for batch in batches:
        taking_turns = [
            Measured(f"{name}, {by}", folder, batch, by == "own kernels", how)
            for name, how in TRAININGS.items()
            for by in ("NNabla", "own kernels")
        ]
        for number in range(rounds + 1):  # the first is left out: memory is new then
            for training in taking_turns:
                training.step(number, clock)
        for training in taking_turns:
            training.score(clock)
            rows.append({**training.row(), "threads": threads})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measures and prints; writes a file where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[64])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(chosen.rounds, chosen.batches, Path(folder))
    about = begun("training_speed", 0)
    found = {"date": about.date, "versions": about.versions, "cores": os.cpu_count(), "rows": rows}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
