# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a recipe refers to, loaded: data, preprocessing, the network and its quantizers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress import data
from nnabla_compress.calibration.samples import refuse_constant
from nnabla_compress.data import Batch, DataSet, Preprocessing, Split, evaluation_batches
from nnabla_compress.errors import DataError
from nnabla_compress.graph.batches import graph_mixes_rows
from nnabla_compress.graph.exits import are_exits
from nnabla_compress.loading.model import Model, network_of
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.loading.sample_rows import refuse_mixed, refuse_other_axes
from nnabla_compress.models import NnpFile
from nnabla_compress.progress import stage, tracked
from nnabla_compress.recipes import Recipe
from nnabla_compress.training import Loss
from nnabla_compress.training.evaluate import Build, Made, learned, outputs_of
from nnabla_compress.training.feed import Feed
from nnabla_compress.turns import one_at_a_time


def _as_it_is(made: Made) -> Made:
    return made


class Drawn(NamedTuple):
    """Samples that were drawn from a data set.

    Args:
        split: Name of the split that they are from.
        rows: Which of its samples.
        samples: The samples as they are stored.
        batch: The samples as the network takes them.
    """

    split: str
    rows: np.ndarray
    samples: Split
    batch: Batch

    @property
    def arrays(self) -> Dict[str, np.ndarray]:
        """All network inputs by name."""
        return {self.samples.name: self.batch.x, **self.batch.more}


@dataclass
class Inputs:
    """What a recipe refers to, loaded: data set, preprocessing and network.

    Args:
        splits: The data set; None where the recipe names none.
        preprocessing: From stored samples to network inputs.
        build: The float network, ``build(x, test)``; ``x`` is a dict by name if it has several
            inputs. Its output is what the loss acts on: logits, where the loss has the last
            activation in itself.
        shapes: Shape of one sample of each input, by name.
        choose_loss: Returns the loss for the shape of the output, and whether there are targets.
        finish: Puts the last activation of the stored network behind an output.
        unlabelled: Whether the float network's own answers may stand for missing targets.
        seed: What samples are drawn with.
        only_batch: The only number of samples that the network is computed with; None: any.
        notes: What is computed otherwise than a stored network says, a sentence each.
        answered: Names of the splits whose targets are the float network's answers.
    """

    splits: Optional[DataSet]
    preprocessing: Preprocessing
    build: Build
    shapes: Mapping[str, Tuple[int, ...]]
    choose_loss: Callable[[Tuple[int, ...], bool], Loss]
    finish: Callable[[Made], Made] = _as_it_is
    unlabelled: bool = False
    seed: int = 0
    only_batch: Optional[int] = None
    notes: Tuple[str, ...] = ()
    answered: Tuple[str, ...] = ()
    _loss: Optional[Loss] = field(default=None, repr=False)

    @property
    def data(self) -> DataSet:
        """The data set.

        Raises:
            DataError: If the recipe names none.
        """
        if self.splits is None:
            raise DataError("the recipe names no data.", help="add data:, or --data")
        return self.splits

    @property
    def test(self) -> Optional[Split]:
        """What scores are of: the test samples, else the validation samples; None without data.

        Raises:
            DataError: If the data set has neither.
        """
        if self.splits is None:
            return None
        return self.splits.split("test" if self.splits.test is not None else "validation")

    @property
    def one_output(self) -> bool:
        """Whether the network gives one output."""
        with own_parameters(), nn.auto_forward(False):
            return isinstance(self.build(self.variables(), True), nn.Variable)

    @property
    def has_answer(self) -> bool:
        """Whether a loss can act on what the network gives: one output, or exits."""
        with own_parameters(), nn.auto_forward(False):
            made = self.build(self.variables(), True)
        return isinstance(made, nn.Variable) or are_exits(made)

    @property
    def loss(self) -> Loss:
        """What the network learns and is judged by: given, its own, or a classifier's.

        Raises:
            CompressError: If the network can't be built, or its output fits no classifier's loss.
        """
        if self._loss is None:
            with own_parameters(), nn.auto_forward(False):
                shape = learned(self.build(self.variables(), True))[-1].shape
            labelled = self.splits is None or any(s.labelled for s in self.splits.splits.values())
            self._loss = self.choose_loss(tuple(shape), labelled)
        return self._loss

    def variables(self, batch_size: int = 1) -> nn.Variable:
        """Returns what the network is built on: a new variable, or several in a dict by name.

        Args:
            batch_size: Rows, where the network takes any number.
        """
        rows = self.only_batch or batch_size
        made: Any = {name: nn.Variable((rows, *shape)) for name, shape in self.shapes.items()}
        return made if len(made) > 1 else next(iter(made.values()))

    def check(self) -> None:
        """Refuses data that nothing can be scored on, before anything is trained.

        Raises:
            DataError: If there are no samples to score on, or targets don't fit the network.
        """
        if self.test is None:
            return
        shape = self.check_rows()
        if not self.has_answer:
            return
        for split in self.data.splits.values():
            if split.labelled or not self.unlabelled:
                self.loss.check(shape, split)

    def check_rows(self) -> Tuple[int, ...]:
        """Refuses a network that does not give one row a sample, before it runs on samples.

        Returns:
            The shape of its output, of several that of the first.

        Raises:
            DataError: If the first axis of the output is not that of the samples, or samples
                depend on each other.
        """
        rows = self.only_batch or 1
        with own_parameters(), nn.auto_forward(False):
            shapes = [
                tuple(y.shape) for y in outputs_of(self.build(self.variables(), True)).values()
            ]
            for shape in shapes:
                refuse_other_axes(shape, rows)
            x = self.variables(2)
            inputs = [x] if isinstance(x, nn.Variable) else list(x.values())
            refuse_mixed(graph_mixes_rows(list(outputs_of(self.build(x, True)).values()), inputs))
        return shapes[0]

    def answer(self) -> bool:
        """Gives samples without targets the float network's own answers, as it is now.

        Returns:
            Whether there were any.
        """
        if not self.has_answer:
            return False
        if self.splits is None or all(split.labelled for split in self.splits.splits.values()):
            return False
        loss = self.loss
        answered = {
            name: replace(split, y=loss.answers(self.outputs_of(split)))
            for name, split in self.splits.splits.items()
            if not split.labelled
        }
        self.splits = replace(self.splits, **answered)  # type: ignore[arg-type]
        self.answered = tuple(answered)
        return True

    def outputs_of(self, split: Split, batch_size: int = 100) -> np.ndarray:
        """Returns what the network gives for each sample, (N, ...); of exits what the last gives.

        Args:
            split: The samples.
            batch_size: Samples of a forward pass, where the network takes any number.

        Raises:
            DataError: If it has several outputs.
        """
        feed = Feed(split, self.only_batch or min(batch_size, len(split)))
        with nn.auto_forward(False):
            output = learned(self.build(feed.inputs, True))[-1]
        found: List[np.ndarray] = []
        size = feed.x.shape[0]
        batches = self._batches(split, size)
        for batch in tracked("answers of the network", batches, -(-len(split) // size)):
            feed.put(batch)
            output.forward(clear_buffer=True)
            found.append(np.array(output.d[: batch.count]))
        return np.concatenate(found)

    def drawn(self, most: int) -> Drawn:
        """Draws samples at random, the same ones every time: training samples if there are any.

        Args:
            most: Number of samples, fewer if there are fewer.
        """
        splits = self.data.splits
        name = next(name for name in ("train", "validation", "test") if name in splits)
        order = np.random.RandomState(self.seed).permutation(len(splits[name]))
        rows = np.sort(order[:most])
        split = splits[name].take(rows)
        drawn = Drawn(name, rows, split, next(iter(self._batches(split, len(split)))))
        refuse_constant(list(drawn.arrays.values()), f"the {name} samples of {self.data.name}")
        return drawn

    def drawn_feed(self, most: int) -> Feed:
        """Returns variables that hold network inputs, as of :meth:`drawn`.

        Args:
            most: Most samples of the batch.
        """
        drawn = self.drawn(self.only_batch or most)
        feed = Feed(drawn.samples, len(drawn.rows))
        feed.put(drawn.batch)
        return feed

    def _batches(self, split: Split, size: int) -> Iterator[Batch]:
        return evaluation_batches(split, size, self.preprocessing)


@dataclass(frozen=True)
class OtherData:
    """Data that take the place of a run's own.

    Args:
        recipe: Says data, the seed that samples are drawn with, and the preprocessing; the run's
            own preprocessing holds where it says none.
        folder: Where its relative paths start.
        targets: As of :func:`load_data`.
    """

    recipe: Recipe
    folder: Path
    targets: Optional[str] = None

    def put(self, inputs: Inputs, network: Model) -> None:
        """Makes them the data of a run.

        Args:
            inputs: What the run's recipe refers to, loaded; its data set changes.
            network: The run's network.

        Raises:
            DataError: If they are missing or damaged, or don't fit the network.
        """
        wanted = replace(network.wanted, shapes=inputs.shapes)
        network = replace(network, wanted=wanted)
        found = load_data(self.recipe, self.folder, network, True, self.targets)
        if inputs.splits is not None:
            own = inputs.splits
            found = replace(found, n_classes=own.n_classes, class_names=own.class_names)
        inputs.splits, inputs.unlabelled, inputs.seed = found, True, self.recipe.seed
        preprocessing = self.recipe.preprocessing
        if preprocessing != type(preprocessing)():
            inputs.preprocessing = preprocessing_of(self.recipe)


@one_at_a_time
def load_data(
    recipe: Recipe,
    folder: Path,
    network: Optional[Model] = None,
    unlabelled: bool = False,
    targets: Optional[str] = None,
) -> DataSet:
    """Loads the data set of a recipe.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.
        network: What it is for; the recipe's by default.
        unlabelled: Whether samples without targets will do.
        targets: Which kind of targets, as of :class:`~nnabla_compress.data.Wanted`; by default what
            the network learns.

    Raises:
        DataError: If the recipe names none, or it is missing or damaged.
    """
    if recipe.data is None:
        raise DataError(f"recipe {recipe.name} names no data.", help="add data:")
    network = network or network_of(recipe, folder)
    options: Dict[str, Any] = dict(recipe.data.model_extra or {})
    wanted = replace(
        network.wanted, unlabelled=unlabelled, targets=targets or network.wanted.targets
    )
    with stage("loading the data"):
        found = data.load(
            recipe.data.source,
            folder=folder,
            validation=recipe.data.validation,
            seed=recipe.seed,
            wanted=wanted,
            **options,
        )
    return found.change(lambda split: split.fitted(network.wanted.shapes))


@one_at_a_time
def load_inputs(
    recipe: Recipe,
    folder: Path,
    unlabelled: bool = False,
    targets: Optional[str] = None,
    file: Optional[NnpFile] = None,
) -> Inputs:
    """Loads what a recipe refers to.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.
        unlabelled: Whether samples without targets will do, for example because only the float
            network is learned from.
        targets: As of :func:`load_data`: ``"none"`` where nobody looks at them.
        file: The file that the recipe names, if it has been read.

    Raises:
        CompressError: If anything is missing or damaged.
    """
    preprocessing = preprocessing_of(recipe)
    network = network_of(recipe, folder, file)
    splits, shapes = None, network.wanted.shapes
    if recipe.data is not None:
        splits = load_data(recipe, folder, network, unlabelled, targets)
        first = next(iter(splits.splits.values()))
        shapes = {name: values.shape[1:] for name, values in first.arrays.items()}
    build = network.make(splits)
    return Inputs(
        splits,
        preprocessing,
        build,
        shapes,
        network.choose_loss,
        network.finish,
        unlabelled,
        recipe.seed,
        network.only_batch,
        network.notes,
    )


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """Returns the preprocessing of a recipe.

    Args:
        recipe: The recipe.
    """
    part = recipe.preprocessing
    channels = [tuple(v) if isinstance(v, list) else v for v in (part.mean, part.std)]
    return Preprocessing(part.scale, *channels)
