# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""An ``.nnb`` on data: in the simulator of the C runtime, without the ``.nnp`` it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.data import Preprocessing, Split, Wanted, evaluation_batches
from nnabla_compress.errors import DataError
from nnabla_compress.graph.batches import mixes_rows
from nnabla_compress.graph.exits import are_exits
from nnabla_compress.graph.inputs import SEED, Form
from nnabla_compress.loading.inputs import Inputs, load_data, preprocessing_of
from nnabla_compress.loading.model import LossChoice, Model
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.loading.sample_rows import refuse_mixed, refuse_other_axes
from nnabla_compress.models import NnpFile
from nnabla_compress.models.heads import Head
from nnabla_compress.progress import listening, tracked
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.doubts import with_doubts
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.training import LOSSES, Loss, Score, evaluate
from nnabla_compress.training.evaluate import judged, learned
from nnabla_compress.turns import one_at_a_time

_ROWS = 256
_SMALLEST = 1e-30  # of a probability whose logarithm is taken


class NnbNetwork(NamedTuple):
    """An ``.nnb`` and the data that a recipe names for it.

    Args:
        machine: The simulator with the file in it.
        inputs: The data, in the shapes that the file takes.
        head: Type of the last function, where a loss has it in itself; else "".
        has_exits: Whether its outputs are exits, as the ``.nnp`` that it was made of says.
    """

    machine: Machine
    inputs: Inputs
    head: str
    has_exits: bool = False

    def answers(self, split: Split) -> np.ndarray:
        """Returns the first output for all samples of a split, of exits the last one.

        Args:
            split: The samples.
        """
        return self.all_answers(split)[-1]

    def all_answers(self, split: Split) -> List[np.ndarray]:
        """Returns all exits for all samples of a split; without exits the first output.

        Args:
            split: The samples.
        """
        count = len(self.machine.outputs) if self.has_exits else 1
        found: List[List[np.ndarray]] = []
        size = min(_ROWS, len(split))
        batches = evaluation_batches(split, size, self.inputs.preprocessing)
        for batch in tracked("running the simulator", batches, -(-len(split) // size)):
            rows = [array[: batch.count] for array in (batch.x, *batch.more.values())]
            with listening(None):  # each batch is a step
                found.append(self.machine.run_many(rows)[:count])
        return [np.concatenate(parts) for parts in zip(*found)]


@one_at_a_time
def open_nnb(path: Path, recipe: Recipe, folder: Path, targets: Optional[str] = None) -> NnbNetwork:
    """Opens an ``.nnb`` with data.

    Args:
        path: The file.
        recipe: Says data, preprocessing, and the loss if it is no classifier's.
        folder: Where the recipe's relative paths start.
        targets: Which kind of targets, by default what the loss learns.

    Raises:
        CompressError: If a file is missing or damaged, or the data does not fit the network.
    """
    machine = Machine(path, callbacks=PACKED_CALLBACKS)
    names = ["x"] if len(machine.inputs) == 1 else [f"x{n}" for n in range(len(machine.inputs))]
    shapes: Dict[str, Tuple[int, ...]] = {
        name: tuple(port.shape[1:]) for name, port in zip(names, machine.inputs)
    }
    last = machine.network.functions[-1].type_name if machine.network.functions else ""
    choice = LossChoice.of(Head(activation=last), recipe.loss)
    learned = LOSSES[choice.name].targets if choice.name is not None else "classes"
    wanted = Wanted({name: (name,) for name in names}, targets=learned, shapes=shapes)
    network = Model(lambda n_classes: _no_graph, wanted, choice, lambda y: y)
    _check_rows(machine)
    splits = load_data(recipe, folder, network, unlabelled=True, targets=targets)
    inputs = Inputs(splits, preprocessing_of(recipe), _no_graph, shapes, choice)
    head = last if choice.on_logits and choice.name else ""
    return NnbNetwork(machine, inputs, head, _has_exits(path, machine))


@one_at_a_time
def evaluate_nnb(path: Path, recipe: Recipe, folder: Path, split: str = "test") -> Score:
    """Scores an ``.nnb`` in the simulator of the C runtime.

    Args:
        path: The file.
        recipe: As of :func:`open_nnb`.
        folder: Likewise.
        split: "train", "validation" or "test".

    Raises:
        CompressError: As for :func:`open_nnb`; also where the data has no targets.
    """
    network = open_nnb(path, recipe, folder)
    samples = network.inputs.data.split(split)
    if not samples.labelled:
        raise DataError(
            f"{network.inputs.data.name} has no targets to score {path} on.",
            help="add them as y, or name them: --data FILE.npz,y=NAME; 'nnabla-compress verify' "
            "compares without any",
        )
    shape = (1, *network.machine.outputs[0].shape[1:])
    loss = network.inputs.choose_loss(shape, True)
    loss.check(shape, samples)
    return _scored(network, samples, loss)


@one_at_a_time
def score_written(path: Path, inputs: Inputs, split: Split) -> Score:
    """Scores an ``.nnb`` that was written of a network, in the simulator of the C runtime.

    Args:
        path: The file.
        inputs: The network and its data.
        split: The samples.
    """
    machine = Machine(path, callbacks=PACKED_CALLBACKS)
    with own_parameters(), nn.auto_forward(False):
        y = learned(inputs.build(inputs.variables(), True))[-1]
        has_exits = _has_exits(path, machine)
        added = not has_exits and judged(inputs.finish(y)) is not y
    last = machine.network.functions[-1].type_name
    network = NnbNetwork(machine, inputs, last if added else "", has_exits)
    return _scored(network, split, inputs.loss)


def _scored(network: NnbNetwork, split: Split, loss: Loss) -> Score:
    # What remains of the network is the way from its outputs to what the loss acts on.
    scores = [
        evaluate(
            lambda y, test: _before(network.head, y),
            replace(split, x=answers, more={}, name="x"),
            Preprocessing(),
            _ROWS,
            loss,
        )
        for answers in network.all_answers(split)
    ]
    score = scores[-1]
    if network.has_exits:
        accuracies = tuple(each.accuracy for each in scores if each.accuracy is not None)
        score = replace(score, exit_accuracies=accuracies)
    return with_doubts(score, network.inputs, split)


def _has_exits(path: Path, machine: Machine) -> bool:
    """Whether the outputs of an ``.nnb`` are exits: names are in the ``.nnp`` beside it."""
    nnp = path.with_suffix(".nnp")
    if len(machine.outputs) < 2 or not nnp.is_file():
        return False
    try:
        executors = NnpFile(nnp).executors
    except DataError:  # whatever it is, the .nnb does not need it
        return False
    names = executors[0].outputs if executors else ()
    return are_exits(names) and len(names) == len(machine.outputs)


def _check_rows(machine: Machine) -> None:
    rows = machine.inputs[0].shape[0]
    refuse_other_axes(machine.outputs[0].shape, rows)
    rng = np.random.RandomState(SEED)
    values = [Form(port.rows).random(rng, port.shape) for port in machine.inputs]
    refuse_mixed(mixes_rows(lambda rows: machine.run_many(rows)[:1], values))


def _before(activation: str, y: nn.Variable) -> nn.Variable:
    if activation == "Softmax":
        return F.log(F.maximum_scalar(y, _SMALLEST))
    if activation == "Sigmoid":
        inside = F.minimum_scalar(F.maximum_scalar(y, _SMALLEST), 1 - 2.0**-24)
        return F.log(inside / (1 - inside))
    return F.identity(y)


def _no_graph(x: nn.Variable, test: bool) -> nn.Variable:
    raise DataError("an .nnb is no graph of NNabla.", help="give the .nnp that it was made of")
