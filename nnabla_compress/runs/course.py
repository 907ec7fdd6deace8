# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The course of a run: the network as its steps leave it one after the other, and the data."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress import data
from nnabla_compress.analysis.layers import parameter_names
from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.data import DataSet, Preprocessing
from nnabla_compress.data.augmentation import Augmentation
from nnabla_compress.errors import DataError, unwrapped
from nnabla_compress.files import writable_folder
from nnabla_compress.graph.batches import on_inputs
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves, rebuild, with_batch_statistics
from nnabla_compress.importances.evidence import Examples
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.loading.teacher import stored_teacher
from nnabla_compress.lowering.nnabla_errors import told_as
from nnabla_compress.progress import Announce, Progress
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.stages import Stage
from nnabla_compress.recipes.step import Record
from nnabla_compress.runs.results import Tell, outcome_as_dict
from nnabla_compress.safe_names import shell_word
from nnabla_compress.training import Term, Trainer, TrainingSettings
from nnabla_compress.training.evaluate import Build, Made, outputs_of
from nnabla_compress.training.parameter_files import load_parameters, save_parameters
from nnabla_compress.training.stopping import Stopping
from nnabla_compress.transforms import start_quantizers
from nnabla_compress.transforms.transform import Transform
from nnabla_compress.workers import Workers, workers

# Samples that the ranges of activations start from where nothing is trained.
_FIRST_BATCH = 256


def made_again(path: Path) -> str:
    """Returns how a file of a run that is damaged comes back.

    Args:
        path: The file.
    """
    return (
        f"remove {path}, and 'nnabla-compress run -o FOLDER --resume' makes it again, to the same "
        "bits"
    )


class Course:
    """What the steps of a run work on.

    Args:
        recipe: The recipe.
        folder: The run folder.
        inputs: What the recipe refers to, loaded; its network is where the course begins.
        announce: As of :meth:`nnabla_compress.runs.Run.execute`.
        tell: Likewise.
        resume: Whether a training goes on from its last checkpoint.
        recipe_folder: Where relative paths of the recipe start.
        crew: Who does parts of a step at the same time; what they leave is the same for any.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        inputs: Inputs,
        announce: Optional[Announce] = None,
        tell: Tell = lambda line: None,
        resume: bool = False,
        recipe_folder: Path = Path("."),
        crew: Optional[Workers] = None,
    ) -> None:
        self.recipe, self.folder, self.inputs = recipe, folder, inputs
        self.recipe_folder, self.crew = recipe_folder, crew or workers()
        self._stored_teachers: Dict[str, Build] = {}
        self.build: Build = inputs.build
        self.seed, self.tell = recipe.seed, tell
        self._teacher: Optional[Build] = None
        self._announce, self.resume = announce, resume
        self.said: Dict[str, Any] = {}
        self._proved_soon = self.untrained = False
        self._stage: Optional[Stage] = None

    @property
    def data(self) -> DataSet:
        """The data set."""
        return self.inputs.data

    @property
    def teacher(self) -> Build:
        """The network as it was before its compression; as it is now, if it is not compressed."""
        return self._teacher or self.build

    def teacher_in(self, file: str) -> Build:
        """Returns the network of a file, on the inputs of the run's: the same one each time."""
        if file not in self._stored_teachers:
            self._stored_teachers[file] = stored_teacher(
                file, self.recipe, self.recipe_folder, self.inputs.shapes
            )
        return self._stored_teachers[file]

    @property
    def stage(self) -> Stage:
        """The step that is carried out now, with its place in the run."""
        assert self._stage is not None
        return self._stage

    @property
    def files(self) -> Path:
        """Where the step of now leaves files of its own."""
        return self.folder / self.stage.files

    @property
    def augmentation(self) -> Optional[Augmentation]:
        """How training samples are changed at random; None: not at all."""
        if self.recipe.augmentation is None:
            return None
        extra = self.recipe.augmentation.model_extra or {}
        return data.augmentation(self.recipe.augmentation.name, **extra)

    def announce(self, name: str, total: int) -> Progress:
        """Announces a training; returns what is called after each update.

        Args:
            name: What it is called.
            total: Its updates.
        """
        return (lambda *now: None) if self._announce is None else self._announce(name, total)

    def samples(self, most: int) -> Optional[Dict[str, np.ndarray]]:
        """Returns network inputs by name, drawn from the data; None without any."""
        return None if self.inputs.splits is None else self.inputs.drawn(most).arrays

    def examples(self, most: int) -> Optional[Examples]:
        """Returns the same samples with their targets; None where there are none."""
        if self.inputs.splits is None:
            return None
        drawn = self.inputs.drawn(most)
        if not drawn.samples.labelled:
            return None
        return Examples(drawn.arrays, drawn.batch.y, self.inputs.loss.samples)

    def network(self, test: bool = True) -> Network:
        """Returns the network of now on new inputs, for one sample or as many as it takes."""
        x = self.inputs.variables()
        with nn.auto_forward(False):
            return _network(x, self.build(x, test))

    def apply(self, transform: Transform, decisions: Optional[Mapping[str, Any]] = None) -> Record:
        """Makes the network another one, from now on; returns what was decided."""
        given = self.network(transform.of_inference or not transform.held)
        context = self
        if self.untrained:  # what it would tell of such weights is not so
            context = copy(self)
            context.tell = lambda line: None
        decided = dict(transform.decide(given, context) if decisions is None else decisions)
        if transform.held or decisions is None:
            made = transform.replay(given, decided)
        if decisions is None:
            transform.fit(given, made, decided, self)
        if decisions is None and not self._proved_soon:
            transform.prove(given, made, decided)
        if transform.held:
            self.hold(made, transform.of_inference)
            return decided
        before = self.build
        self.build = lambda x, test: _made(transform.replay(_network(x, before(x, test)), decided))
        return decided

    def hold(self, network: Network, of_inference: bool = True) -> None:
        """Makes a graph the network, to be built again for each use.

        Args:
            network: The graph, its parameters in the current scope.
            of_inference: Whether it is the same in training as in inference.
        """
        outputs, old = network.all_outputs, network.inputs
        infers = outputs if of_inference else with_batch_statistics(outputs, False)

        def build(x: Any, test: bool) -> Made:
            new = [x] if isinstance(x, nn.Variable) else [x[name] for name in old]
            pairs = dict(zip(old.values(), new))
            made = on_inputs(infers, pairs)
            if not (test or of_inference):
                made = rebuild(outputs, inputs=pairs)
            return _made(network.giving(made))

        self.build = build

    def adopt(self, network: Network) -> None:
        """Makes a network with a scope of its own the network; its parameters become the run's."""
        assert network.scope is not None
        scope = nn.parameter.get_current_parameter_scope()
        scope.clear()
        scope.update(network.scope)
        self.hold(network)

    @contextmanager
    def apart(self, trains: bool) -> Iterator[Course]:
        """Gives a course of its own, with copies of all parameters, that leaves this one as it is.

        Args:
            trains: Whether its network is to be trained, or infers only.
        """
        network = self.network(test=not trains).copy()
        with own_parameters(), network.within():
            other = copy(self)
            other.tell, other._proved_soon = (lambda line: None), False
            other.hold(network, of_inference=not trains)
            yield other

    def updates(self, settings: TrainingSettings) -> int:
        """Returns how many updates a training does."""
        train, size = self.inputs.data.split("train"), settings.batch_size
        batches = data.TrainingBatches(train, size, self.seed, self.inputs.preprocessing, None)
        return batches.iterations(settings.epochs)

    def notes(self, name: str) -> Optional[Path]:
        """Returns a file that the step may keep while it lasts."""
        if self._stage is None:
            return None
        path = self.folder / f"{self._stage.record}.{name}"
        writable_folder(path.parent)
        return path

    def keep_before(self, values: Mapping[str, np.ndarray]) -> None:
        """Keeps what parameters were before a step set them."""
        path = self.folder / self.stage.before
        writable_folder(path.parent)
        with own_parameters():
            for name, array in values.items():
                nn.parameter.set_parameter(name, constant(array, name))
            save_parameters(path)

    def train(
        self,
        settings: TrainingSettings,
        terms: Sequence[Term],
        stopping: Optional[Stopping] = None,
    ) -> Record:
        """Trains the network of now, and goes on where a killed training stopped."""
        trainer = Trainer(
            self.build,
            self.inputs.data,
            settings,
            self.files,
            self.inputs.preprocessing,
            self.augmentation,
            self.recipe.seed,
            terms,
            self.inputs.loss,
            stopping,
        )
        return self._trained(trainer, "")

    def once(self, name: str, make: Callable[[], Record]) -> Record:
        """Returns what the step makes, or made before it was killed."""
        path = self.files / f"{name}.json"
        if self.resume and path.exists():
            return read_record(path, made_again(path))
        found = make()
        writable_folder(path.parent)
        write_record(path, found)
        return found

    def train_part(
        self,
        part: str,
        build: Build,
        data: DataSet,
        settings: TrainingSettings,
        stopping: Optional[Stopping] = None,
    ) -> Record:
        """Trains a part of the network on data of its own, and goes on where it was killed."""
        trainer = Trainer(
            build,
            data,
            settings,
            self.files / part,
            Preprocessing(),
            seed=self.recipe.seed,
            loss=self.inputs.loss,
            stopping=stopping,
        )
        return self._trained(trainer, f" {part}")

    def _trained(self, trainer: Trainer, what: str) -> Record:
        progress = self.announce(f"{self.files.name}{what}", trainer.total)
        outcome = trainer.run(resume=self.resume, progress=progress)
        if trainer.load_best():
            outcome = replace(outcome, noticed=trainer.noticed())
        return outcome_as_dict(outcome)

    def foresee(self, stages: Sequence[Stage]) -> None:
        """Refuses what can't be done before anything long is done; the network is another then.

        Args:
            stages: All of the run.
        """
        self._proved_soon = True
        for stage in stages:
            self.begin(stage)
            stage.step.foresee(self)
            # A long training may lie before the same is proved again.
            self._proved_soon = self._proved_soon and not stage.step.trains
            self.untrained = self.untrained or stage.step.trains

    def go(self, stage: Stage) -> Record:
        """Carries a stage out, or does again what its record says was done.

        Args:
            stage: The next one of the run.

        Returns:
            What was decided.
        """
        self.begin(stage)
        path = self.folder / stage.record
        kept = None if stage.parameters is None else self.folder / stage.parameters
        if path.exists() and (kept is None or kept.exists()):
            return self._replayed(stage)
        record = stage.step.run(self)
        if not (stage.step.sets_values or stage.hands_on):
            self.start()
        writable_folder(path.parent)
        if kept is not None:
            save_parameters(kept)
        write_record(path, {"step": stage.step.title, "decided": record})
        return record

    def replay(self, stages: Sequence[Stage]) -> List[Record]:
        """Makes the network what finished stages made of it, with their parameters.

        Args:
            stages: The first of the run, or all of them.

        Returns:
            What each decided.

        Raises:
            DataError: If one has not finished, or its files are damaged.
        """
        for stage in stages:
            for needed in (stage.parameters, stage.record):
                if needed is not None and not (self.folder / needed).exists():
                    raise DataError(
                        f"the run in {self.folder} has not finished: {needed} is missing.",
                        help="go on with it by 'nnabla-compress run -o "
                        f"{shell_word(self.folder)} --resume'",
                    )
        found = []
        for stage in stages:
            self.begin(stage)
            found.append(self._replayed(stage))
        return found

    def begin(self, stage: Stage) -> None:
        """Makes a step the one that is carried out, or done again, now.

        Args:
            stage: The step, with the network as those before have left it.
        """
        self._stage, self.said = stage, {}
        if self._loses_teacher(stage):
            self._teacher = self._as_it_is()

    def _loses_teacher(self, stage: Stage) -> bool:
        """Whether a step changes the network that some training learns from."""
        compresses = stage.step.compresses and not stage.step.same_function
        return compresses and self._teacher is None and self.recipe.learns_from_teacher

    def _replayed(self, stage: Stage) -> Record:
        path = self.folder / stage.record
        record: Record = read_record(path, made_again(path)).get("decided", {})
        # The record of a folder from somewhere may say anything.
        with told_as(DataError, f"{path} does not fit the network", made_again(path)):
            stage.step.replay(self, record)
            self.network()
        if stage.parameters is not None:
            kept = self.folder / stage.parameters
            known = set(nn.get_parameters(grad_only=False))
            load_parameters(kept, made_again(kept))
            if set(nn.get_parameters(grad_only=False)) != known:
                raise DataError(
                    f"{kept} does not fit the network of the recipe.",
                    help="the network has changed since: begin a new run, in another folder",
                )
        return record

    def start(self) -> None:
        """Initialises quantizers that nothing trains: from the weights, and one batch."""
        inputs = self.inputs
        if not graph_quantizers(self.network().all_outputs):
            return
        with_data = inputs.splits is not None
        x = inputs.drawn_feed(_FIRST_BATCH).inputs if with_data else inputs.variables()
        outputs = list(outputs_of(self.build(x, True)).values())
        start_quantizers(outputs)
        if with_data:
            with unwrapped():
                nn.forward_all(outputs, clear_buffer=True)
            clear_memory_cache()

    def _as_it_is(self) -> Build:
        """The network with copies of its parameters, whatever becomes of these."""
        scope: Dict[str, Any] = OrderedDict()
        paths: Dict[Any, str] = {}
        for path, parameter in nn.get_parameters(grad_only=False).items():
            copy = constant(np.array(parameter.d), path, parameter.need_grad)
            paths[copy.data] = path
            with nn.parameter_scope("", scope):
                nn.parameter.set_parameter(path, copy)
        # A graph that is held has its parameters from no scope.
        outputs = self.network().all_outputs
        values = {leaf.data: np.array(leaf.d) for leaf in leaves(outputs)}
        names = parameter_names(outputs)
        build = self.build

        def teacher(x: Any, test: bool) -> Made:
            with nn.parameter_scope("", scope):
                network = _network(x, build(x, test))
            outputs = network.all_outputs
            for leaf in leaves(outputs):
                leaf.name = paths.get(leaf.data, leaf.name)  # what tells the names of its maps
            copies = {
                leaf: constant(values[leaf.data], names.get(leaf.data, leaf.name), False)
                for leaf in leaves(outputs)
                if leaf.data in values
            }
            return _made(network.giving(rebuild(outputs, inputs=copies)))

        return teacher


def _network(x: Any, made: Made) -> Network:
    return Network({"x": x} if isinstance(x, nn.Variable) else dict(x), outputs_of(made))


def _made(network: Network) -> Made:
    outputs = network.outputs
    return next(iter(outputs.values())) if list(outputs) == ["y"] else outputs
