# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the exits of a network are worth on data: measured once, each exit on each sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.operations import exit_costs
from nnabla_compress.anytime.curve import (
    Answers,
    BudgetPoint,
    ExitPoint,
    budgeted_curve,
    within_budget,
)
from nnabla_compress.anytime.thresholds import confidences
from nnabla_compress.data import Split, evaluation_batches
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.exits import are_exits, exit_names
from nnabla_compress.loading.inputs import Inputs, OtherData
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.progress import tracked
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.finished import inputs_of_file, open_run, trained_network
from nnabla_compress.training.evaluate import Build, learned, outputs_of
from nnabla_compress.training.feed import Feed
from nnabla_compress.turns import one_at_a_time

_PERCENT = "%"
_LOSSES = ("SoftmaxCrossEntropy", "SigmoidCrossEntropy")


@dataclass(frozen=True)
class Anytime:
    """What a network with exits comes to.

    Args:
        exits: Each exit by itself, in order.
        budgeted: Samples that leave when an exit is confident, for budgets from small to large;
            empty where there are no validation samples.
        chosen: The point for the budget that was asked for.
        budget: That budget, in operations a sample.
        split: Name of the samples that are scored.
        samples: How many they are.
        validation_samples: How many the thresholds were found on.
    """

    exits: List[ExitPoint]
    budgeted: List[BudgetPoint]
    chosen: Optional[BudgetPoint] = None
    budget: Optional[float] = None
    split: str = "test"
    samples: int = 0
    validation_samples: int = 0

    def as_dict(self) -> Dict[str, Any]:
        """Returns JSON values."""
        found: Dict[str, Any] = {
            "split": self.split,
            "samples": self.samples,
            "validation_samples": self.validation_samples,
            "exits": [vars(each) for each in self.exits],
            "budgeted": [each.as_dict() for each in self.budgeted],
        }
        if self.chosen is not None:
            found["budget"] = {"budget_operations": self.budget, **self.chosen.as_dict()}
        return found


@one_at_a_time
def anytime_of_run(
    folder: Path,
    split: str = "test",
    batch_size: int = 100,
    trust: bool = False,
    other: Optional[OtherData] = None,
    budget: Union[str, float, None] = None,
) -> Anytime:
    """Measures the network of a finished run.

    Args:
        folder: The run folder.
        split: "train" or "test" of the data.
        batch_size: Samples of a forward pass.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.
        budget: Most operations of a sample in the mean, or as ``"50 %"`` of those of all exits.

    Raises:
        CompressError: If the folder holds no finished run, or its network has no exits.
    """
    with trained_network(open_run(folder, trust), other) as (inputs, build):
        return _measured(inputs, build, split, batch_size, budget)


@one_at_a_time
def anytime_of_network(
    path: Path,
    recipe: Recipe,
    folder: Path,
    split: str = "test",
    batch_size: int = 100,
    budget: Union[str, float, None] = None,
) -> Anytime:
    """Measures the network of an ``.nnp`` file.

    Args:
        path: The file.
        recipe: Says data and preprocessing.
        folder: Where the recipe's relative paths start.
        split: As of :func:`anytime_of_run`, like the others.
        batch_size: Likewise.
        budget: Likewise.

    Raises:
        CompressError: If a file is missing or damaged, or the network has no exits.
    """
    network = recipe.model.network if recipe.model.nnp == str(path) else None
    with own_parameters():
        inputs = inputs_of_file(path, recipe, folder, network)
        inputs.check_rows()
        return _measured(inputs, inputs.build, split, batch_size, budget)


def _measured(
    inputs: Inputs,
    build: Build,
    split: str,
    batch_size: int,
    budget: Union[str, float, None],
) -> Anytime:
    data = inputs.data
    if split == "validation":
        raise ConfigError(
            "thresholds are found on the validation samples: scored on these, they seem better "
            "than they are.",
            help="leave --split out, or choose test",
        )
    x = inputs.variables()
    with nn.auto_forward(False):
        made = build(x, True)
    if not are_exits(outputs_of(made)):
        raise ConfigError(
            "the network has no exits, whose outputs are called exit1, exit2, ...",
            help="add them with the step add_exits, or take a model with exits, such as ranet",
        )
    given = [x] if isinstance(x, nn.Variable) else list(x.values())
    costs = exit_costs(learned(made), inputs=given)
    operations = [each.operations for each in costs]
    asked = None if budget is None else _operations(budget, operations[-1])
    if asked is not None and data.validation is None:
        raise DataError(
            f"{data.name} has no validation samples, on which thresholds for a budget are found.",
            help="hold some of the training samples out: data: {validation: 0.1}",
        )
    size = inputs.only_batch or batch_size
    scored = _answers(inputs, build, data.split(split), size)
    names = exit_names(len(costs))
    exits = [
        ExitPoint(name, each.operations, each.parameters, float(right.mean()))
        for name, each, right in zip(names, costs, scored.right)
    ]
    found = Anytime(exits, [], split=split, samples=scored.right.shape[1])
    if data.validation is None:
        return found
    validation = _answers(inputs, build, data.validation, size)
    chosen = None if asked is None else within_budget(validation, scored, operations, asked)
    curve = budgeted_curve(validation, scored, operations)
    count = validation.right.shape[1]
    return Anytime(exits, curve, chosen, asked, split, found.samples, count)


def _operations(budget: Union[str, float], whole: int) -> float:
    """Operations of a budget: a number, or a part of all operations."""
    text = str(budget).strip().replace(",", "")
    is_part = text.endswith(_PERCENT)
    try:
        number = float(text[:-1] if is_part else text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise ConfigError(
            f"budget: {budget!r} is no number of operations.",
            help="write for instance 2000000, or '50%' of the operations of all exits",
        )
    return number / 100 * whole if is_part else number


def _answers(inputs: Inputs, build: Build, split: Split, batch_size: int) -> Answers:
    """What all exits make of the samples of a split."""
    loss = inputs.loss
    if loss.name not in _LOSSES or not split.has_classes or split.y.ndim != 1:
        raise DataError(
            f"confidences are those of classes, the network learns {loss.name} of "
            f"{inputs.data.name}.",
            help="exits are for networks that classify",
        )
    size = inputs.only_batch or min(batch_size, len(split))
    feed = Feed(split, size)
    with nn.auto_forward(False):
        outputs = with_cpu_kernels(learned(build(feed.inputs, True)))
        for output in outputs:
            output.persistent = True
    parts: List[Tuple[np.ndarray, np.ndarray]] = []
    batches = evaluation_batches(split, size, inputs.preprocessing)
    for batch in tracked("answers of all exits", batches, -(-len(split) // size)):
        feed.put(batch)
        nn.forward_all(outputs, clear_no_need_grad=True)
        values = np.stack([output.d for output in outputs])
        right = np.stack([np.asarray(loss.right(output.d, batch.y)) for output in outputs])
        parts.append((confidences(values)[:, : batch.count], right[:, : batch.count]))
    confidence, right = (np.concatenate(each, axis=1) for each in zip(*parts))
    return Answers(confidence, right)
