# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The training loop: deterministic given its seed, resumable after a kill, keeping the best so far."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import nnabla as nn
import nnabla.functions as F
import nnabla.parameter
import numpy as np

from nnabla_compress.data import DataSet, Preprocessing, TrainingBatches
from nnabla_compress.data.augmentation import Augmentation
from nnabla_compress.errors import CompressError, TrainingError, unwrap
from nnabla_compress.files import atomic_path, h5_errors, writable_folder
from nnabla_compress.logs import quiet
from nnabla_compress.quantizers import graph_quantizers, prepare
from nnabla_compress.solvers import LUTQ
from nnabla_compress.training import checkpoint
from nnabla_compress.training.evaluate import Build, Evaluator, Score, right, sample_losses
from nnabla_compress.training.monitors import Monitors
from nnabla_compress.training.settings import TrainingSettings

Progress = Callable[[int, int, Dict[str, float]], None]


@dataclass(frozen=True)
class Outcome:
    """What a training led to.

    Args:
        iterations: Updates done.
        last: Validation score after the last epoch; None without a validation set.
        best: Best validation score of any epoch; None without a validation set.
        best_epoch: The epoch after which it was measured, from 1; 0 is the start.
    """

    iterations: int
    last: Optional[Score]
    best: Optional[Score]
    best_epoch: int


def set_seed(seed: int) -> None:
    """Seeds NumPy's generator of NNabla's initializers and NNabla's own random functions.

    Args:
        seed: 0 or more.

    Example:
        >>> set_seed(1); first = nn.random.prng.rand()
        >>> set_seed(1); first == nn.random.prng.rand()
        True
    """
    nn.random.prng = np.random.RandomState(seed)
    nn.seed(seed % (1 << 31))


class Trainer:
    """Trains one network on one data set, in a folder of its own.

    The folder receives ``checkpoints/``, the monitors' series, and the parameters after the best
    epoch in ``best.h5`` if there is a validation set. All network and quantizer state is parameters of the
    current scope, so a checkpoint is complete; batches and random functions depend on the seed and
    the iteration only. A training that was killed and resumed ends with the same bits.

    Args:
        build: The network: ``build(x, test)`` gives logits; the graph may hold quantizers.
        data: Splits; the validation set, if any, is scored after each epoch.
        settings: Epochs, solver, learning rate.
        folder: Where files go; made if missing.
        preprocessing: From stored samples to network inputs.
        augmentation: Random change of the training samples.
        seed: Seed of shuffling, augmentation and random functions.

    Raises:
        ConfigError: If the folder can't be written to.
    """

    def __init__(
        self,
        build: Build,
        data: DataSet,
        settings: TrainingSettings,
        folder: Path,
        preprocessing: Preprocessing,
        augmentation: Optional[Augmentation] = None,
        seed: int = 0,
    ) -> None:
        self.folder = writable_folder(folder)
        self.settings = settings
        self.seed = seed
        self.data = data
        train = data.split("train")
        self.batches = TrainingBatches(
            train, settings.batch_size, seed, preprocessing, augmentation
        )
        self.total = self.batches.iterations(settings.epochs)
        self.x = nn.Variable((settings.batch_size, *train.x.shape[1:]))
        self.labels = nn.Variable((settings.batch_size, 1))
        with nn.auto_forward(False):
            self.logits = build(self.x, False)
            self.loss = F.mean(sample_losses(self.logits, self.labels))
        self.logits.persistent = True
        self.evaluator: Optional[Evaluator] = None
        if data.validation is not None:
            size = min(100, len(data.validation))
            self.evaluator = Evaluator(build, train.x.shape[1:], size, preprocessing)
        self.quantizers = graph_quantizers([self.logits])
        self.solver = settings.make_solver()
        if self.quantizers:
            self.solver = LUTQ(self.solver, settings.k_means_steps)
        parameters = self._trained_parameters()
        self.solver.set_parameters(parameters)
        self.decayed = self._decayed_parameters(parameters)

    def _trained_parameters(self) -> Dict[str, nn.Variable]:
        """Parameters with gradients that the graph uses, by name."""
        used = set()
        self.logits.visit(lambda f: used.update(v.data for v in f.inputs if v.parent is None))
        return {name: p for name, p in nn.get_parameters().items() if p.data in used}

    def _decayed_parameters(self, parameters: Dict[str, nn.Variable]) -> List[nn.Variable]:
        """Parameters that weight decay acts on: all but the quantizers' own."""
        own = {v.data for f in self.quantizers for v in f.inputs[1:]}
        return [parameter for parameter in parameters.values() if parameter.data not in own]

    def run(self, resume: bool = False, progress: Optional[Progress] = None) -> Outcome:
        """Trains to the end and leaves the parameters of the last iteration in the scope.

        Args:
            resume: Go on from the newest checkpoint in the folder, if there is one.
            progress: Called after each update with (updates done, all updates, recent values).

        Returns:
            What the training led to.

        Raises:
            TrainingError: If the loss is NaN or infinite; the last checkpoint stays.
            ConfigError: If a checkpoint can't be written.
        """
        saved = checkpoint.load(self.folder / "checkpoints", self.solver) if resume else None
        state = saved["progress"] if saved else {"best": None, "best_epoch": 0, "last": None}
        start = saved["iteration"] if saved else 0
        monitors = Monitors(self.folder, start, interval=10, pending=state.get("monitors"))
        prepare([self.logits])
        if start == 0 and self.total == 0:
            self._end_of_epoch(0, state, monitors)
        rates = self.settings.learning_rates(self.total)
        recent: Dict[str, float] = {}
        try:
            for iteration in range(start, self.total):
                self.solver.set_learning_rate(rates.get_learning_rate(iteration))
                loss, error = self._update(iteration)
                done = iteration + 1
                monitors.add("Training loss", iteration, loss)
                monitors.add("Training error", iteration, error)
                monitors.tick(iteration)
                recent.update(loss=loss, error=error)
                if self._ends_epoch(done):
                    self._end_of_epoch(done, state, monitors)
                    if state["last"]:
                        recent["validation"] = state["last"]["accuracy"]
                if done % self.settings.checkpoint_interval == 0 or done == self.total:
                    state["monitors"] = monitors.pending()
                    checkpoint.save(self.folder / "checkpoints", done, self.solver, state)
                if progress is not None:
                    progress(done, self.total, recent)
        except CompressError:
            raise
        except SystemError as error:
            raise unwrap(error) from error
        return Outcome(
            iterations=self.total,
            last=Score(**state["last"]) if state["last"] else None,
            best=Score(**state["best"]) if state["best"] else None,
            best_epoch=state["best_epoch"],
        )

    def _update(self, iteration: int) -> Any:
        batch = self.batches.batch(iteration)
        nn.seed((self.seed * 1000003 + iteration) % (1 << 31))
        self.x.d, self.labels.d = batch.x, batch.y
        self.solver.zero_grad()
        self.loss.forward(clear_no_need_grad=True)
        loss = float(self.loss.d)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at iteration {iteration} (epoch "
                f"{self.batches.epoch(iteration):.2f}) of {self.folder.name}.",
                help="lower the learning rate; the last checkpoint is untouched",
            )
        error = 1 - float(right(self.logits.d, batch.y).mean())
        self.loss.backward(clear_buffer=True)
        if self.settings.weight_decay:
            self._decay_weights()
        self.solver.update()
        return loss, error

    def _decay_weights(self) -> None:
        for parameter in self.decayed:
            gradient = parameter.grad.data
            gradient += self.settings.weight_decay * parameter.data.data

    def _ends_epoch(self, done: int) -> bool:
        if done == self.total:
            return True
        return math.floor(self.batches.epoch(done)) > math.floor(self.batches.epoch(done - 1))

    def _end_of_epoch(self, done: int, state: Dict[str, Any], monitors: Monitors) -> None:
        if self.evaluator is None:
            return
        score = self.evaluator.score(self.data.split("validation"))
        monitors.add("Validation loss", max(done - 1, 0), score.loss, every=True)
        monitors.add("Validation error", max(done - 1, 0), score.error, every=True)
        state["last"] = vars(score)
        better = state["best"] is None or score.accuracy > state["best"]["accuracy"]
        if better:
            state["best"], state["best_epoch"] = vars(score), round(self.batches.epoch(done), 3)
            best = self.folder / "best.h5"
            with atomic_path(best) as path, h5_errors(best), quiet():
                nn.save_parameters(str(path))

    def load_best(self) -> bool:
        """Puts the parameters after the best epoch back into the scope, if any were kept."""
        best = self.folder / "best.h5"
        if not best.exists():
            return False
        with quiet():
            nn.load_parameters(str(best))
        return True

    def remove_checkpoints(self) -> None:
        """Removes the checkpoints of a training that is over and whose result is kept."""
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
