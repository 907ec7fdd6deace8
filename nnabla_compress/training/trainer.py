# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The training loop: deterministic given its seed, resumable after a kill, keeping the best."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parameter
import numpy as np

from nnabla_compress.data import Batch, DataSet, Preprocessing, TrainingBatches
from nnabla_compress.data.augmentation import Augmentation
from nnabla_compress.errors import DataError, TrainingError, unwrapped
from nnabla_compress.files import writable_folder
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.progress import Progress
from nnabla_compress.quantizers import graph_quantizers, prepare, quantizer_of
from nnabla_compress.solvers import Quantized
from nnabla_compress.training import checkpoint
from nnabla_compress.training.evaluate import Build, Evaluator, Score, learned
from nnabla_compress.training.feed import Feed
from nnabla_compress.training.frozen import FrozenNetwork, frozen
from nnabla_compress.training.losses import Loss, default_loss
from nnabla_compress.training.monitors import Monitors
from nnabla_compress.training.parameter_files import load_parameters, save_parameters
from nnabla_compress.training.settings import TrainingSettings
from nnabla_compress.training.shares import Shares
from nnabla_compress.training.stopping import Stopping
from nnabla_compress.training.terms import Term, with_usual_terms
from nnabla_compress.turns import one_at_a_time

# Times that a long training notes what its terms show, beside the ends of its epochs.
_NOTED = 100
# Objective, loss and accuracy of a pass.
_MEASURED = 3


@dataclass(frozen=True)
class Outcome:
    """What a training led to.

    Args:
        iterations: Updates done.
        last: Validation score after the last epoch; None without a validation set.
        best: Best validation score of any epoch; None without a validation set.
        best_epoch: The epoch after which it was measured, from 1; 0 is the start.
        noticed: What its terms have to say, by name.
        stopped: What its rule of stopping did: after how many epochs the training ended, of how
            many, and why; empty without a rule.
    """

    iterations: int
    last: Optional[Score]
    best: Optional[Score]
    best_epoch: int
    noticed: Dict[str, Any] = field(default_factory=dict)
    stopped: Dict[str, Any] = field(default_factory=dict)


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

    The folder receives ``checkpoints/``, the monitors' series, and, if there is a validation set,
    the parameters after the best epoch in ``best.h5``: that of the highest accuracy, of equal ones
    that of the lowest loss; where targets are numbers that of the lowest loss. All network and
    quantizer state is parameters of the current scope, so a checkpoint is complete; batches and
    random functions depend on the seed and the iteration only. A training that was killed and
    resumed ends with the same bits.

    Args:
        build: The network, ``build(x, test)``; the graph may hold quantizers.
        data: Splits; the validation set, if any, is scored after each epoch.
        settings: Epochs, solver, learning rate.
        folder: Where files go; made if missing.
        preprocessing: From stored samples to network inputs.
        augmentation: Random change of the training samples.
        seed: Seed of shuffling, augmentation and random functions.
        terms: What the training minds beside its loss, such as
            :class:`~nnabla_compress.training.terms.WithinBudget`. Each adds to the objective in
            turn; the usual ones come last, but the losses of exits come first. Only epochs that
            all of them are content with can be the best.
        loss: What the network learns; by default a classifier's loss. Of a network with exits each
            exit learns it, as :class:`~nnabla_compress.training.terms.ExitLosses` says; the last
            exit is judged by it.
        stopping: When the training ends before its last epoch. It is asked after each epoch whose
            network could be the last one: weights can be stored, and the terms are content.

    Raises:
        ConfigError: If the folder can't be written to.
        DataError: If the targets don't fit what the network gives.
        InfeasibleBudgetError: If the budget can't be kept.
    """

    @one_at_a_time
    def __init__(
        self,
        build: Build,
        data: DataSet,
        settings: TrainingSettings,
        folder: Path,
        preprocessing: Preprocessing,
        augmentation: Optional[Augmentation] = None,
        seed: int = 0,
        terms: Sequence[Term] = (),
        loss: Optional[Loss] = None,
        stopping: Optional[Stopping] = None,
    ) -> None:
        self.stopping = stopping
        self.folder = writable_folder(folder)
        self.settings = settings
        self.seed = seed
        self.data = data
        train = data.split("train")
        self.batches = TrainingBatches(
            train, settings.batch_size, seed, preprocessing, augmentation
        )
        self.total = self.batches.iterations(settings.epochs)
        self.feed = Feed(train, settings.batch_size // settings.shares)
        self._teachers: Dict[Build, FrozenNetwork] = {}
        with nn.auto_forward(False):
            self.terms = with_usual_terms(terms)
            self.outputs = learned(build(self.feed.inputs, False))
            self.feed.look(self.outputs)
            for term in self.terms:
                self.outputs = term.network(self.outputs)
            if settings.cpu_kernels:
                self.outputs = with_cpu_kernels(self.outputs)
            self.output = self.outputs[-1]
            self.judge = loss if loss is not None else default_loss(self.output.shape)
            self.judge.check(self.output.shape, train)
            self.loss = F.mean(self.judge.samples(self.output, self.feed.targets))
            self.quantizers = graph_quantizers(self.outputs)
            self.objective = self.loss
            for term in self.terms:
                term.attach(self)
                self.objective = term.objective(self.objective)
        self._of_terms = {path: p for t in self.terms for path, p in t.parameters().items()}
        self.output.persistent = True
        self.loss.persistent = True
        self.evaluator: Optional[Evaluator] = None
        if data.validation is not None:
            size = min(100, len(data.validation))
            self.evaluator = Evaluator(
                build, data.validation, size, preprocessing, self.judge, settings.cpu_kernels
            )
        self.solver = settings.make_solver()
        if self.quantizers:
            self.solver = Quantized(self.solver, settings.k_means_steps)
        parameters = self._trained_parameters()
        self.solver.set_parameters(parameters)
        self.decayed = self._decayed_parameters(parameters)
        self.shares: Optional[Shares] = None
        if settings.shares > 1:
            graphs = [[*t.outputs.values(), *t.maps.values()] for t in self._teachers.values()]
            taught = [leaf for graph in graphs for leaf in leaves(graph)]
            apart = [*self.feed.variables, *taught]
            self.shares = Shares(
                settings.shares,
                self.objective,
                apart,
                [v for node in self.quantizers for v in node.inputs[1:]],
                self._pass,
                _MEASURED,
                self._state_of_terms,
                self._restore_terms,
            )

    def taught_by(self, teacher: Build) -> FrozenNetwork:
        """Returns a copy of another network on this training's batches, one for all that ask.

        Args:
            teacher: The other network.
        """
        if teacher not in self._teachers:
            network = frozen(teacher, self.feed.inputs)
            self._teachers[teacher] = network.quick() if self.settings.cpu_kernels else network
        return self._teachers[teacher]

    def _trained_parameters(self) -> Dict[str, nn.Variable]:
        """Parameters with gradients that the graph uses, by name, then those of the terms."""
        used: Set[Any] = {leaf.data for leaf in leaves(self.outputs) if leaf.need_grad}
        found = {name: p for name, p in nn.get_parameters().items() if p.data in used}
        return {**found, **self._of_terms}

    def _decayed_parameters(self, parameters: Dict[str, nn.Variable]) -> List[nn.Variable]:
        """Parameters that weight decay acts on: all but the quantizers' own."""
        own = {v.data for f in self.quantizers for v in f.inputs[1:]}
        return [parameter for parameter in parameters.values() if parameter.data not in own]

    @one_at_a_time
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
        with self._terms_parameters(), self.shares.at_work() if self.shares else nullcontext():
            return self._run(resume, progress)

    @contextmanager
    def _terms_parameters(self) -> Iterator[None]:
        """Has the terms' own parameters in the scope, where checkpoints look for parameters."""
        for path, parameter in self._of_terms.items():
            nn.parameter.set_parameter(path, parameter)
        try:
            yield
        finally:
            for path in self._of_terms:
                nn.parameter.pop_parameter(path)

    def _run(self, resume: bool, progress: Optional[Progress]) -> Outcome:
        folder = writable_folder(self.folder / "checkpoints")
        saved = checkpoint.load(folder, self.solver, self.seed) if resume else None
        state: Dict[str, Any] = {"best": None, "best_epoch": 0, "last": None}
        if saved:
            state = saved["progress"]
        start = saved["iteration"] if saved else 0
        end = start if state.get("stopped") else self.total
        monitors = Monitors(self.folder, start, interval=10, pending=state.get("monitors"))
        if not saved:
            self._begin_quantizers()
        for term in self.terms:
            term.begin()
            if saved:
                self._restore(term.restore, state, folder)
        if saved and self.stopping is not None and "stopping" in state:
            self._restore(self.stopping.restore, state["stopping"], folder)
        prepare(self.outputs)
        if start == 0 and self.total == 0:
            self._note_terms(0, monitors)
            self._end_of_epoch(0, state, monitors)
        rates = self.settings.learning_rates(self.total)
        seldom = max(monitors.interval, math.ceil(self.total / _NOTED))
        recent: Dict[str, float] = {}
        with unwrapped():
            for iteration in range(start, end):
                self.solver.set_learning_rate(rates.get_learning_rate(iteration))
                now = self._update(iteration)
                done = iteration + 1
                for name, value in now.items():
                    monitors.add(f"Training {name}", iteration, value)
                monitors.tick(iteration)
                recent.update(now)
                if self._ends_epoch(done) or done % seldom == 0:
                    self._note_terms(iteration, monitors)
                self._count(now["loss"], state)
                if self._ends_epoch(done):
                    self._end_of_epoch(done, state, monitors)
                    self._ask_whether_to_stop(done, state)
                    if done == self.total or state.get("stopped"):
                        self._check_parameters(iteration)
                    if state["last"]:
                        accuracy = state["last"]["accuracy"]
                        shown = state["last"]["loss"] if accuracy is None else accuracy
                        recent["validation"] = shown
                is_last = done == self.total or bool(state.get("stopped"))
                if done % self.settings.checkpoint_interval == 0 or is_last:
                    state["monitors"] = monitors.pending()
                    state.update(self._state_of_terms())
                    checkpoint.save(folder, done, self.solver, state, self.seed)
                if progress is not None:
                    progress(self.total if is_last else done, self.total, recent)
                if is_last:
                    end = done
                    break
        return Outcome(
            iterations=end,
            last=Score(**state["last"]) if state["last"] else None,
            best=Score(**state["best"]) if state["best"] else None,
            best_epoch=state["best_epoch"],
            noticed=self.noticed(),
            stopped=self._stopped(end, state),
        )

    def _count(self, loss: float, state: Dict[str, Any]) -> None:
        """Adds the loss of an update to the sum of its epoch, which the rule of stopping sees."""
        if self.stopping is not None:
            total, updates = state.get("epoch_loss", (0.0, 0))
            state["epoch_loss"] = (total + loss, updates + 1)

    def _ask_whether_to_stop(self, done: int, state: Dict[str, Any]) -> None:
        if self.stopping is None:
            return
        total, updates = state["epoch_loss"]
        epoch = math.floor(self.batches.epoch(done))
        why = self.stopping.after(epoch, total / updates)
        state["epoch_loss"], state["stopping"] = (0.0, 0), self.stopping.state()
        fits = self._are_settled() and all(term.fits() for term in self.terms)
        if why is not None and fits and done < self.total:
            state["stopped"] = why

    def _stopped(self, done: int, state: Mapping[str, Any]) -> Dict[str, Any]:
        if self.stopping is None:
            return {}
        return {
            "epochs": round(min(self.batches.epoch(done), self.settings.epochs), 3),
            "of": self.settings.epochs,
            "why": state.get("stopped") or "all epochs are trained",
            **self.stopping.outcome(),
        }

    def noticed(self) -> Dict[str, Any]:
        """Returns what the terms say of the training, and of the network as it is now."""
        return {name: value for term in self.terms for name, value in term.outcome().items()}

    def _begin_quantizers(self) -> None:
        # Two layers of one weight have a node each for the same parameters.
        nodes = {tuple(v.data for v in node.inputs): node for node in self.quantizers}
        for node in nodes.values():
            quantizer = quantizer_of(node)
            assert quantizer is not None
            quantizer.begin_training(node.info.args, node.inputs, self.total)

    def _are_settled(self) -> bool:
        """Whether all weights can be stored at their bits now."""
        for node in self.quantizers:
            quantizer = quantizer_of(node)
            assert quantizer is not None
            if not quantizer.is_settled(node.info.args, node.inputs):
                return False
        return True

    def _update(self, iteration: int) -> Dict[str, float]:
        for term in self.terms:
            term.before_forward(iteration)
        if self.shares is None:
            self.solver.zero_grad()
            objective, loss, right = self._pass(iteration)
        else:
            objective, loss, right = self.shares.compute(iteration)
        if not math.isfinite(objective):
            raise self._diverged(f"the loss is {objective}", iteration)
        if self.settings.weight_decay:
            self._decay_weights()
        for term in self.terms:
            term.before_update(iteration)
        self.solver.update()
        for term in self.terms:
            term.after_update(iteration)
        return {"loss": loss} if math.isnan(right) else {"loss": loss, "error": 1 - right}

    def _pass(self, iteration: int, share: int = 0) -> Tuple[float, float, float]:
        """Adds the gradients of a batch, or a share of it; returns objective, loss and accuracy."""
        batch = self._put_batch(iteration, share)
        self.objective.forward(clear_no_need_grad=True)
        objective, loss = float(self.objective.d), float(self.loss.d)
        right = self.judge.right(self.output.d, batch.y)
        if math.isfinite(objective):
            self.objective.backward(clear_buffer=True)
        return objective, loss, math.nan if right is None else float(right.mean())

    def _check_parameters(self, iteration: int) -> None:
        for name, parameter in self.solver.get_parameters().items():
            if not np.isfinite(parameter.d).all():
                raise self._diverged(f"the parameter {name} is no longer finite", iteration)

    def _diverged(self, what: str, iteration: int) -> TrainingError:
        return TrainingError(
            f"{what} at iteration {iteration} (epoch {self.batches.epoch(iteration):.2f}) of "
            f"{self.folder.name}.",
            help=f"the training diverged: lower the learning rate ({self.settings.learning_rate:g} "
            "at the start); the last checkpoint is untouched",
        )

    def _put_batch(self, iteration: int, share: int = 0) -> Batch:
        shares = self.settings.shares
        batch = self.batches.batch(iteration).part(share, shares)
        nn.seed(((self.seed * 1000003 + iteration) * shares + share) % (1 << 31))
        self.feed.put(batch)
        return batch

    def batches_behind(self, done: int, count: int) -> Iterator[None]:
        """Puts one batch after the other into the feed, share by share.

        Args:
            done: Updates done: the first of the batches is the one that is next.
            count: How many.
        """
        for number in range(count):
            for share in range(self.settings.shares):
                self._put_batch(done + number, share)
                yield

    def _state_of_terms(self) -> Dict[str, Any]:
        return {key: value for term in self.terms for key, value in term.state().items()}

    def _restore_terms(self, state: Mapping[str, Any]) -> None:
        for term in self.terms:
            term.restore(state)

    def _restore(
        self, restore: Callable[[Mapping[str, Any]], None], state: Any, folder: Path
    ) -> None:
        try:
            restore(state)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise DataError(
                f"the newest checkpoint in {folder} does not fit the training: {error}.",
                help=f"remove {folder}, and --resume begins this training again, to the same bits",
            ) from error

    def _decay_weights(self) -> None:
        for parameter in self.decayed:
            gradient = parameter.grad.data
            gradient += self.settings.weight_decay * parameter.data.data

    def _ends_epoch(self, done: int) -> bool:
        if done == self.total:
            return True
        return math.floor(self.batches.epoch(done)) > math.floor(self.batches.epoch(done - 1))

    def _note_terms(self, iteration: int, monitors: Monitors) -> None:
        for term in self.terms:
            for name, value in term.monitors().items():
                monitors.add(name, iteration, value, every=True)

    def _end_of_epoch(self, done: int, state: Dict[str, Any], monitors: Monitors) -> None:
        at = max(done - 1, 0)
        for term in self.terms:
            term.end_epoch(done)
        if self.evaluator is None:
            return
        score = self.evaluator.score(self.data.split("validation"))
        if not math.isfinite(score.loss):
            raise self._diverged(f"the loss of the validation samples is {score.loss}", at)
        monitors.add("Validation loss", at, score.loss, every=True)
        measures = dict(score.metrics)
        if score.error is not None:
            measures["error"] = score.error
        for number, accuracy in enumerate(score.exit_accuracies, 1):
            measures[f"error of exit {number}"] = 1 - accuracy
        for name, value in measures.items():
            monitors.add(f"Validation {name}", at, value, every=True)
        state["last"] = vars(score)
        if not (self._are_settled() and all(term.fits() for term in self.terms)):
            return
        best_before = Score(**state["best"]) if state["best"] else None
        if best_before is None or score.better_than(best_before):
            state["best"], state["best_epoch"] = vars(score), round(self.batches.epoch(done), 3)
            save_parameters(self.folder / "best.h5")

    @one_at_a_time
    def load_best(self) -> bool:
        """Puts the parameters after the best epoch back into the scope, if these are kept."""
        best = self.folder / "best.h5"
        if self.settings.keep != "best" or not best.exists():
            return False
        with self._terms_parameters():
            load_parameters(
                best,
                f"remove {self.folder}, and --resume begins this training again, to the same bits",
            )
        return True
