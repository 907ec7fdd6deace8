# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a step of a recipe is, and how a recipe's list of steps is read."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Type,
)

import nnabla as nn
import numpy as np
from pydantic import model_serializer, model_validator

from nnabla_compress.data import DataSet
from nnabla_compress.errors import ConfigError, UnknownKeyError
from nnabla_compress.graph.network import Network
from nnabla_compress.named_options import NamedOptions, Registry
from nnabla_compress.options import keys_of, named
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training import Term, TrainingSettings
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.stopping import Stopping
from nnabla_compress.transforms.transform import Context, Transform, transforms

Record = Dict[str, Any]
_HELP = "write NAME: {OPTION: VALUE}, such as train: {epochs: 10}"
# Steps of this package, loaded when a recipe names one.
_BUILT_IN = {
    "train": "nnabla_compress.runs.steps.train",
    "layerwise": "nnabla_compress.runs.steps.layerwise",
    "calibrate": "nnabla_compress.runs.steps.calibrate",
    "search": "nnabla_compress.runs.steps.search",
    "sections": "nnabla_compress.runs.steps.sections",
    "statistics": "nnabla_compress.runs.steps.statistics",
}
_OF_TRANSFORMS = "nnabla_compress.runs.steps.transform"


class Course(Context, Protocol):
    """What a step of a run works on: the network as the steps before it left it, and the data."""

    build: Build
    """Builds the network of now, ``build(x, test)``."""

    seed: int
    """What everything random is drawn with."""

    said: Dict[str, Any]
    """What ``results.json`` says of the step as it was carried out now, such as its seconds."""

    @property
    def data(self) -> DataSet:
        """The data set.

        Raises:
            DataError: If the recipe names none.
        """

    @property
    def teacher(self) -> Build:
        """Builds the network as it was before its compression, ``teacher(x, test)``."""

    def teacher_in(self, file: str) -> Build:
        """Returns another network that teaches.

        Args:
            file: An ``.nnp`` file; relative paths start where those of the recipe do.

        Raises:
            CompressError: If it is missing or damaged, or has other inputs than the network.
        """

    def network(self, test: bool = True) -> Network:
        """Returns the network of now on new inputs.

        Args:
            test: Whether to infer, or to train.
        """

    def apply(self, transform: Transform, decisions: Optional[Mapping[str, Any]] = None) -> Record:
        """Makes the network another one, from now on.

        Args:
            transform: What to do to it.
            decisions: What was decided before; None: decide now, and prove it.

        Returns:
            What was decided.
        """

    def adopt(self, network: Network) -> None:
        """Makes a network with a scope of its own the network; its parameters become the run's.

        Args:
            network: The network.
        """

    def updates(self, settings: TrainingSettings) -> int:
        """Returns how many updates a training does.

        Args:
            settings: Its epochs and batch size.
        """

    def notes(self, name: str) -> Optional[Path]:
        """Returns a file that a step may keep while it lasts, so as to go on where it was killed.

        Args:
            name: What it ends with.
        """

    def keep_before(self, values: Mapping[str, np.ndarray]) -> None:
        """Keeps what parameters were before a step set them to what it quantizes them to.

        Args:
            values: Arrays by path.
        """

    def train(
        self,
        settings: TrainingSettings,
        terms: Sequence[Term],
        stopping: Optional[Stopping] = None,
    ) -> Record:
        """Trains the network of now, and goes on where a killed training stopped.

        Args:
            settings: Epochs, solver, learning rate.
            terms: What the training minds beside its loss.
            stopping: When it ends before its last epoch.

        Returns:
            What it led to.
        """

    def once(self, name: str, make: Callable[[], Record]) -> Record:
        """Returns what the step makes, or made before it was killed.

        Args:
            name: Name of the file that keeps it.
            make: Makes it, as JSON values.
        """

    def train_part(
        self,
        part: str,
        build: Build,
        data: DataSet,
        settings: TrainingSettings,
        stopping: Optional[Stopping] = None,
    ) -> Record:
        """Trains a part of the network on data of its own, and goes on where it was killed.

        Args:
            part: What it is called; its files are in a folder of that name.
            build: The part, its parameters those of the network.
            data: Inputs of the part, as it takes them, and targets.
            settings: Epochs, solver, learning rate.
            stopping: When it ends before its last epoch.

        Returns:
            What it led to.
        """


class Step(NamedOptions):
    """One step of a recipe; a subclass is one kind of step, and its fields are its options.

    A run writes down what :meth:`run` returns, and the parameters. :meth:`replay` does to the
    network what the record says, without looking at values of parameters or at data.
    """

    flat: ClassVar[str] = ""
    """The option whose own options stand among those of the step; none if empty."""
    aliases: ClassVar[Tuple[str, ...]] = ()
    """Keys that are short for others, and no options."""

    @property
    def title(self) -> str:
        """What recipes call it, and files of a run."""
        return self.name

    @property
    def compresses(self) -> bool:
        """Whether the network before it is the float one that others are compared with."""
        return True

    @property
    def same_function(self) -> bool:
        """Whether the network computes the same afterwards, but for rounding."""
        return False

    @property
    def trains(self) -> bool:
        """Whether it trains the network."""
        return False

    @property
    def sets_values(self) -> bool:
        """Whether it gives parameters values that its record does not tell.

        Where it does not, the quantizers that it puts in start after it, or with a training that
        follows.
        """
        return True

    @property
    def learns_from_teacher(self) -> bool:
        """Whether it needs the network as it was before its compression."""
        return False

    @property
    def samples_taken(self) -> int:
        """Most samples that it fits the network to, which nothing is scored on then."""
        return 0

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data, None if it does not."""
        return None

    @property
    def needs_targets(self) -> bool:
        """Whether it learns from targets."""
        return False

    def foresee(self, course: Course) -> None:
        """Refuses what can't be done before anything long is done, and tells what is to come.

        Args:
            course: Has the network as the steps before will leave it, untrained, to be changed in
                structure as this step will.
        """

    def run(self, course: Course) -> Record:
        """Does the step.

        Args:
            course: The network, which changes, and the data.

        Returns:
            What was decided, as JSON values.
        """
        raise NotImplementedError

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Makes the network what the step made of it, but for values of parameters.

        Args:
            course: The network.
            record: As from :meth:`run`.
        """

    def part(self, course: Course, number: int) -> Record:
        """Does one of several parts of the step that have nothing to do with each other.

        It may be another process that does it, on a course that was brought to the same place.

        Args:
            course: The network as the steps before have left it.
            number: Which part.

        Returns:
            What came of it; all else it leaves in files.
        """
        raise NotImplementedError

    def budgets_of(self, outputs: List[nn.Variable]) -> List[MemoryBudget]:
        """Returns the memory budgets that it keeps the network to.

        Args:
            outputs: Those of the network.
        """
        return []

    @property
    def shows_weights(self) -> bool:
        """Whether it moves weights so that a picture of them, before and after, tells of it."""
        return False

    @property
    def drawn_series(self) -> Mapping[str, str]:
        """How the names begin of monitors that a picture shows over time, and what they are."""
        return {}

    def results(self, record: Mapping[str, Any]) -> Record:
        """Returns what ``results.json`` says of it, by its keys.

        Args:
            record: As from :meth:`run`.
        """
        return {}

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, content: Any) -> Any:
        if not cls.flat or not isinstance(content, Mapping) or cls.flat in content:
            return content
        own = {key: value for key, value in content.items() if key in cls.model_fields}
        inner = {key: value for key, value in content.items() if key not in own}
        known = keys_of(cls.model_fields[cls.flat].annotation)
        for key in inner:
            if key not in known:
                keys = [
                    *(name for name in cls.model_fields if name != cls.flat),
                    *cls.aliases,
                    *known,
                ]
                raise UnknownKeyError(f"unknown key {key!r}.", did_you_mean(key, keys), key)
        return {**own, cls.flat: inner}

    @model_serializer(mode="wrap")
    def _to_flat(self, serialize: Any) -> Dict[str, Any]:
        found: Dict[str, Any] = serialize(self)
        inner = found.pop(self.flat, {}) if self.flat else {}
        return {**found, **inner}

    def entry(self) -> Dict[str, Any]:
        """Returns what a recipe says of it."""
        return {self.title: self.model_dump(mode="json")}


_REGISTRY = Registry("step", Step)
register_step = _REGISTRY.register


def steps() -> Dict[str, Type[Step]]:
    """Returns the steps by name, without the transforms, which are steps by their own names."""
    for module in _BUILT_IN.values():
        importlib.import_module(module)
    return _REGISTRY.all()


def step_of(entry: Any, where: str = "steps") -> Step:
    """Returns a step from what a recipe says.

    Args:
        entry: ``{NAME: {OPTION: VALUE}}``, or the name alone.
        where: What messages call the place.

    Raises:
        ConfigError: If there is no such step, or an option is wrong.

    Example:
        >>> step_of({"quantize": "lut:bits=4"}).title, step_of({"train": {"epochs": 2}}).trains
        ('quantize', True)
    """
    if isinstance(entry, Step):
        return entry
    name, content = named(entry, where)
    if name in _BUILT_IN:
        importlib.import_module(_BUILT_IN[name])
    if name in _REGISTRY.kinds:
        return _REGISTRY.kinds[name].checked(content, f"{where}: {name}")
    if name in transforms():
        made: Step = importlib.import_module(_OF_TRANSFORMS).step_of_transform(
            name, content, f"{where}: {name}"
        )
        return made
    known = sorted({*_BUILT_IN, *_REGISTRY.kinds, *transforms()})
    raise ConfigError(f"{where}: unknown step {name!r}.", help=did_you_mean(name, known))


def steps_of(entries: Any, where: str = "steps") -> List[Step]:
    """Returns the steps of a recipe.

    Args:
        entries: A list, each entry as of :func:`step_of`.
        where: What messages call it.

    Raises:
        ConfigError: If it is no list of steps.
    """
    if not isinstance(entries, (list, tuple)):
        raise ConfigError(f"{where} is no list.", help=_HELP)
    if not entries:
        raise ConfigError(f"{where} is an empty list.", help=_HELP)
    return [step_of(entry, f"{where}[{number}]") for number, entry in enumerate(entries)]
