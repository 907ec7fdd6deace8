# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The network of a recipe: how it is built, what data it wants, and which loss it is trained by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import nnabla as nn

from nnabla_compress import models
from nnabla_compress.data import DataSet, Wanted
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.models.heads import Head, activated, before_activation, without_loss
from nnabla_compress.recipes import LossPart, ModelPart, Recipe
from nnabla_compress.training import LOSSES, Loss, make_loss
from nnabla_compress.training.evaluate import Build, Made
from nnabla_compress.training.losses import default_loss

# Losses of logits, by those of the probabilities that an activation makes of them.
_OF_LOGITS = {
    "CategoricalCrossEntropy": "SoftmaxCrossEntropy",
    "BinaryCrossEntropy": "SigmoidCrossEntropy",
}
_ACTIVATIONS = {
    "SoftmaxCrossEntropy": ("Softmax", "LogSoftmax"),
    "SigmoidCrossEntropy": ("Sigmoid",),
}


@dataclass(frozen=True)
class LossChoice:
    """Which loss acts on what a network gives.

    Args:
        name: Name of the loss, None for a classifier's.
        delta: Of HuberLoss.
        axis: The axis of the classes.
        on_logits: Whether it acts on what the network's last activation gets.
    """

    name: Optional[str] = None
    delta: float = 1.0
    axis: int = 1
    on_logits: bool = True

    @classmethod
    def of(cls, head: Head, given: Optional[LossPart] = None) -> LossChoice:
        """Chooses the loss that is given, else the network's own, else a classifier's.

        Args:
            head: What the network ends in.
            given: The recipe's ``loss``.

        Example:
            >>> LossChoice.of(Head(activation="Sigmoid", loss="BinaryCrossEntropy"))
            LossChoice(name='SigmoidCrossEntropy', delta=1.0, axis=1, on_logits=True)
            >>> LossChoice.of(Head(activation="Sigmoid", loss="SquaredError")).on_logits
            False
        """
        if given is not None:
            name, delta, axis, before = given.name, given.delta, head.axis, False
        elif head.loss is not None:
            name, delta = head.loss, float(head.arguments.get("delta", 1.0))
            axis, before = head.arguments.get("axis", head.axis), head.before_activation
        else:
            by_activation = {a: name for name, names in _ACTIVATIONS.items() for a in names}
            if head.activation not in by_activation:
                return cls()
            name, delta, axis, before = by_activation[head.activation], 1.0, head.axis, True
        of_logits = _OF_LOGITS.get(name, name)
        # The file's own cross entropy of logits, behind an activation, is meant as it stands.
        as_stored = given is None and name == of_logits
        if head.activation in _ACTIVATIONS.get(of_logits, ()) and not as_stored:
            name, before = of_logits, True
        return cls(name, delta, 1 if axis is None else int(axis), before)

    def __call__(self, output_shape: Tuple[int, ...], labelled: bool = True) -> Loss:
        """Returns the loss for the shape of the output.

        Args:
            output_shape: Shape of what it acts on, (B, ...).
            labelled: Whether there are targets. Without any a network of unknown purpose, whose
                output is no row of several logits, is held to the float network's numbers.

        Raises:
            DataError: If the output fits no classifier's loss, and no other is known.
        """
        if self.name is not None:
            return make_loss(self.name, output_shape, self.delta, self.axis)
        if not labelled and (len(output_shape) != 2 or output_shape[1] == 1):
            return make_loss("SquaredError", output_shape)
        return default_loss(output_shape)


@dataclass(frozen=True)
class Model:
    """The network that a recipe names.

    Args:
        make: Returns ``build(x, test)`` for the data, or for none.
        wanted: What it wants of a data set; with shapes if it knows them.
        choose_loss: Returns the loss for the shape of the output, and whether there are targets.
        finish: Puts the last activation of a stored network behind an output.
        only_batch: The only number of samples that it is computed with; None: any.
        notes: What is computed otherwise than a stored network says, a sentence each.
    """

    make: Callable[[Optional[DataSet]], Build]
    wanted: Wanted
    choose_loss: LossChoice
    finish: Callable[[Made], Made]
    only_batch: Optional[int] = None
    notes: Tuple[str, ...] = ()


def network_of(recipe: Recipe, folder: Path, file: Optional[models.NnpFile] = None) -> Model:
    """Returns the network of a recipe.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.
        file: The file that the recipe names, if it has been read.

    Raises:
        CompressError: If it is missing or damaged.
    """
    part = recipe.model
    if part.nnp is not None:
        return _stored(recipe, file or models.NnpFile(part.nnp, folder))
    choice = LossChoice.of(Head(), recipe.loss)
    wanted = Wanted(targets=_targets(choice))
    return Model(lambda data: _made(part, data, folder), wanted, choice, lambda y: y)


def _made(part: ModelPart, data: Optional[DataSet], folder: Path) -> Build:
    n_classes = 0 if data is None else data.n_classes
    graph = None if data is None else data.graph
    if part.python is not None:
        return models.PythonModel(part.python, n_classes or None, folder)
    name = part.name
    assert name is not None
    return lambda x, test: models.build(name, x, n_classes, test, graph, **part.options)


def _stored(recipe: Recipe, file: models.NnpFile) -> Model:
    network = recipe.model.network
    head = file.head(network)
    choice = LossChoice.of(head, recipe.loss)
    shapes = file.data_shapes(network)
    inputs: Dict[str, Tuple[str, ...]] = {}
    for name in shapes:
        names = [name, file.data_names.get(name, name)]
        inputs[name] = tuple(dict.fromkeys((["x"] if len(shapes) == 1 else []) + names))
    target = ["y"]
    if head.target is not None:
        stored = file.data_names.get(head.target)
        # A loss that compares with an input, as an autoencoder's, or with the data of that input.
        of_input = head.target in shapes or (
            stored is not None and stored in [file.data_names.get(name) for name in shapes]
        )
        if of_input and stored is not None:
            target = [stored]
        elif of_input:
            target = [next(iter(inputs[head.target]))]
        else:
            target += [head.target, *([stored] if stored is not None else [])]

    def build(x: nn.Variable, test: bool) -> Made:
        found = file.build(network, x=x, test=test)
        if len(found.outputs) > 1:
            return found.outputs
        prediction = without_loss(found.output)
        return before_activation(prediction) if choice.on_logits else prediction

    predictions: List[nn.Variable] = []  # one at most: how the file ends does not change

    def finish(made: Made) -> Made:
        if not choice.on_logits or not isinstance(made, nn.Variable):
            return made
        if not predictions:
            with own_parameters():
                predictions.append(without_loss(file.build(network, batch_size=1).output))
        return activated(made, predictions[0])

    wanted = Wanted(inputs, tuple(dict.fromkeys(target)), _targets(choice), shapes=shapes)
    only, notes = file.only_batch(network), file.notes(network)
    return Model(lambda data: build, wanted, choice, finish, only, notes)


def _targets(choice: LossChoice) -> str:
    return LOSSES[choice.name].targets if choice.name is not None else "classes"
