# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What makes a result doubtful, with its likely cause: scores at chance, inputs of another scale.

Nothing here is an error by itself. A user who forgets ``--scale``, or whose training diverged,
shall not read a number as if all were well.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.data import Split
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.sizes import size_text
from nnabla_compress.training import Score, evaluate
from nnabla_compress.training.evaluate import Build, See
from nnabla_compress.turns import one_at_a_time

# Times the loss of a guess from which a loss tells of inputs that the network never saw.
_FAR_WORSE = 3.0
# Below so few samples chance itself is a matter of chance.
_FEWEST = 20
# Samples that are looked at.
_SEEN = 64
# Functions with which a network brings its inputs to its own scale.
_SCALING = (
    *("MulScalar", "AddScalar", "RDivScalar", "Mul2", "Div2", "Sub2", "Add2"),
    *("BatchNormalization", "MeanSubtraction"),
)
TRAINING = "the training diverged or was too short: lower the learning rate, or train longer"
QUANTIZATION = "the quantization is too coarse: take more bits, or train"


@one_at_a_time
def scored(
    inputs: Inputs,
    build: Build,
    split: Split,
    batch_size: int = 100,
    cause: Optional[str] = None,
    see: Optional[See] = None,
) -> Score:
    """Scores a network and says what is doubtful of the score.

    Args:
        inputs: The data, its preprocessing, and the loss.
        build: The network.
        split: What to score on.
        batch_size: Samples of a forward pass.
        cause: What a bad score most likely comes from; by default the inputs, which the network
            has not been trained on here.
        see: As of :func:`~nnabla_compress.training.evaluate`.
    """
    score = evaluate(build, split, inputs.preprocessing, batch_size, inputs.loss, see)
    return with_doubts(score, inputs, split, cause)


def with_doubts(score: Score, inputs: Inputs, split: Split, cause: Optional[str] = None) -> Score:
    """Returns a score with what is doubtful of it, and what that most likely comes from.

    Args:
        score: Of a network.
        inputs: The data that it was scored on.
        split: Which of them.
        cause: As of :func:`scored`.
    """
    found = doubts(score, split)
    if found:
        found[-1] += f": {cause or _cause_in(inputs)}"
    return replace(score, doubts=tuple(found))


def doubts(score: Score, split: Split) -> List[str]:
    """Returns what is doubtful of a score, a sentence each without its full stop.

    Args:
        score: Of a network.
        split: The samples that it was scored on.

    Example:
        >>> split = Split.checked(np.zeros((40, 2)), [0, 1] * 20, "example")
        >>> doubts(Score(0.7, 0.5, 40), split)
        ['the accuracy of 50.00 % is no better than a guess (50.00 %)']
    """
    if not math.isfinite(score.loss):
        return [f"the loss is {score.loss}: the network's outputs are not finite"]
    classes = split.has_classes and split.y.ndim == 1 and score.accuracy_name == "accuracy"
    if score.accuracy is None or not classes or len(split) < _FEWEST:
        return []
    shares = np.bincount(split.y) / len(split)
    guess = float(shares.max())
    margin = math.sqrt(guess * (1 - guess) / len(split))
    if len(shares) > 1 and score.accuracy <= guess + margin:
        return [
            f"the accuracy of {100 * score.accuracy:.2f} % is no better than a guess "
            f"({100 * guess:.2f} %)"
        ]
    uniform = math.log(max(len(shares), 2))
    if score.loss > _FAR_WORSE * uniform:
        return [f"the loss of {score.loss:.4g} is far above that of a guess ({uniform:.3g})"]
    return []


def of_inputs(
    arrays: Sequence[np.ndarray], variables: Sequence[nn.Variable], outputs: Sequence[nn.Variable]
) -> List[str]:
    """Returns what is doubtful of network inputs that nobody scores.

    Args:
        arrays: Values of the inputs, (samples, ...).
        variables: The inputs of the graph, in the same order.
        outputs: Its outputs.
    """
    readers = consumers(outputs)
    found = []
    for array, variable in zip(arrays, variables):
        types = [function.info.type_name for function in readers.get(variable, []) if function]
        if _pixels(array) and not set(types) & set(_SCALING):
            found.append(
                f"{_seen(array)}: right if the network was trained on such, else add --scale 1/255"
            )
    return found


def of_budget(budget: MemoryBudget, packed_bytes: float) -> Dict[str, Any]:
    """Returns what became of budgets: their bytes, what is used, and by how much it is missed.

    Args:
        budget: Of the compressed network.
        packed_bytes: What its weights take with their tables.
    """
    found: Dict[str, Any] = {}
    for limit in budget.limits:
        used = limit.used if limit.name != "weights" else max(limit.used, packed_bytes)
        found[limit.name] = {
            "bytes": limit.bytes,
            "used_bytes": used,
            "missed_by_bytes": max(0.0, used - limit.bytes),
        }
    return found


def missed(budgets: Mapping[str, Mapping[str, float]]) -> List[str]:
    """Returns a sentence for each budget that is missed.

    Args:
        budgets: As from :func:`of_budget`.

    Example:
        >>> missed({"weights": {"bytes": 5120, "used_bytes": 5294, "missed_by_bytes": 174}})
        ['the budget for weights of 5.00 kB is missed by 174 B: 5.17 kB with their tables']
    """
    tables = {"weights": " with their tables"}
    return [
        f"the budget for {name} of {size_text(part['bytes'])} is missed by "
        f"{size_text(part['missed_by_bytes'])}: {size_text(part['used_bytes'])}"
        f"{tables.get(name, '')}"
        for name, part in budgets.items()
        if part["missed_by_bytes"] > 0
    ]


def of_trainings(records: Sequence[Mapping[str, Any]]) -> List[str]:
    """Returns a sentence for each training none of whose epochs could be the best.

    Args:
        records: What results say of trainings.

    Example:
        >>> of_trainings([{"best_validation": {}, "last_validation": {}}, {}])
        []
        >>> len(of_trainings([{"last_validation": {}}]))
        1
    """
    return [
        "no epoch could be the best, since weights had not come to their levels, bits had not "
        "settled or a budget was missed: this is the network after the last one"
        for record in records
        if "last_validation" in record and "best_validation" not in record
    ]


def _cause_in(inputs: Inputs) -> str:
    drawn = list(inputs.drawn(_SEEN).arrays.values())
    pixels = next((array for array in drawn if _pixels(array)), None)
    if pixels is not None:
        return f"{_seen(pixels)}; if the network was trained on others, add --scale 1/255"
    if 0 <= drawn[0].min() and 0.5 < drawn[0].max() <= 1:
        return (
            f"{_seen(drawn[0])}; if the network was trained on pixels from 0 to 255, add "
            "--scale 255"
        )
    return (
        f"{_seen(drawn[0])}; scale, mean and std (--scale, --mean, --std, or preprocessing:) must "
        "be those of its training"
    )


def _seen(array: np.ndarray) -> str:
    kind = "look like pixels" if _pixels(array) else "reach"
    return f"its inputs {kind} from {float(array.min()):.4g} to {float(array.max()):.4g}"


def _pixels(array: np.ndarray) -> bool:
    """Whether values look like those of pixels of 8 bits, from 0 to 255."""
    if not array.size or array.min() < 0 or not 64 < array.max() <= 255:
        return False
    return bool((array == np.rint(array)).all())
