# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether a graph can be built for another number of samples than it was written for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.errors import FixedBatchError, UnsupportedFunctionError
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.inputs import random_inputs
from nnabla_compress.graph.rewrite import depending, functions, rebuild
from nnabla_compress.graph.rows_apart import rows_apart, same_for_each_row
from nnabla_compress.quantizers.base import graph_quantizers, is_given
from nnabla_compress.remembered import Remembered
from nnabla_compress.turns import one_at_a_time

# Values of a trial run: what a file declares is not to take the memory of the machine.
_MOST_TRIED = 2**28
_MOST_AT_ONCE = 2**23  # of a function on a batch: 32 MB
_TOLERANCE = 1e-3  # other batch sizes add in another order
_following: Remembered[bool] = Remembered(most=2)  # a network and a copy of it
Compute = Callable[[List[np.ndarray]], Sequence[np.ndarray]]


def rows_of(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], wanted: int) -> int:
    """Returns how many samples at a time a graph can be built for, on other inputs.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
        wanted: The number of samples that would be best.

    Returns:
        ``wanted``, or the rows of ``inputs`` where a batch is written into the functions.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((2, 6))
        >>> mixed = F.reshape(F.transpose(x, (1, 0)), (2, 6))
        >>> rows_of([F.relu(x)], [x], 64), rows_of([mixed], [x], 64)
        (64, 2)
    """
    own = inputs[0].shape[0] if inputs and inputs[0].ndim else wanted
    return wanted if own == wanted or follows_batch(outputs, inputs) else own


def few_rows(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], wanted: int) -> int:
    """Returns how many samples at a time are best, fewer where a function's maps are large.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
        wanted: The number for small maps.

    Example:
        >>> import nnabla.functions as F
        >>> small, large = nn.Variable((1, 2)), nn.Variable((1, 2**21))
        >>> [few_rows([F.relu(x)], [x], 64) for x in (small, large)]
        [64, 2]
    """
    own = inputs[0].shape[0] if inputs and inputs[0].ndim else 0
    if not own:
        return wanted
    moving = depending(outputs, inputs)
    largest = max((_maps_of(f, moving) for f in functions(outputs)), default=0)
    return min(wanted, rows_at_once(largest // own))


def _maps_of(function: Any, moving: Collection[nn.Variable]) -> int:
    """Returns how many values a function reads and writes that depend on the samples.

    Args:
        function: A function of a graph.
        moving: The variables that do.
    """
    return sum(int(v.size) for v in (*function.inputs, *function.outputs) if v in moving)


def rows_at_once(values: int) -> int:
    """Returns how many samples a function may be given at a time.

    Args:
        values: What it reads and writes of each.

    Example:
        >>> rows_at_once(2**22), rows_at_once(2**30)
        (2, 1)
    """
    return max(1, _MOST_AT_ONCE // max(1, values))


@one_at_a_time
def on_inputs(
    outputs: Sequence[nn.Variable], inputs: Mapping[nn.Variable, nn.Variable]
) -> List[nn.Variable]:
    """Builds a graph again on other inputs, for their number of samples.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: The new inputs by the old ones.

    Raises:
        FixedBatchError: If another batch size is written into the functions.
    """
    old = list(inputs)
    rows = inputs[old[0]].shape[0]
    own = rows_of(outputs, old, rows)
    if own != rows:
        raise FixedBatchError(
            f"the network can be computed with {own} sample(s) at a time only, {rows} are asked "
            "for: that batch size is written into it.",
            help=f"use the batch size {own}",
            rows=own,
        )
    return rebuild(outputs, inputs=inputs)


def sample_axes(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]
) -> Dict[nn.Variable, int]:
    """Returns the axis along which the samples stand in each computed variable of a graph.

    It is the first one but behind a Transpose, as recurrent networks have. Variables that do not
    grow with the number of samples are left out.

    Args:
        outputs: Variables of one graph that follows another batch size.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((2, 6))
        >>> y = F.transpose(x, (1, 0))
        >>> sample_axes([y], [x])[y]
        1
    """
    new = {
        variable: nn.Variable((2 * variable.shape[0], *variable.shape[1:])) for variable in inputs
    }
    with nn.auto_forward(False):
        made = rebuild(outputs, inputs=new)
    found: Dict[nn.Variable, int] = {}
    for function, copy in zip(functions(outputs), functions(made)):
        for old, wide in zip(function.outputs, copy.outputs):
            grown = [axis for axis in range(old.ndim) if wide.shape[axis] > old.shape[axis]]
            if grown:
                found[old] = grown[0]
    return found


@one_at_a_time
def follows_batch(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> bool:
    """Returns whether a graph, built for twice the samples, computes each as it did before.

    Networks keep the batch that they were saved with in Reshape, constants and other functions.
    Most of these can follow; where they mix samples or can't be built the answer is no.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
    """
    rows = inputs[0].shape[0] if inputs and inputs[0].ndim else 0
    if not rows or any(not v.ndim or v.shape[0] != rows for v in (*inputs, *outputs)):
        return False
    new = [nn.Variable((2 * rows, *variable.shape[1:])) for variable in inputs]
    try:
        with nn.auto_forward(False):
            made = rebuild(outputs, inputs=dict(zip(inputs, new)))
    except UnsupportedFunctionError:
        raise
    except Exception:  # how NNabla's functions say that shapes don't fit
        return False
    if any(tuple(y.shape) != (2 * rows, *old.shape[1:]) for y, old in zip(made, outputs)):
        return False
    if same_for_each_row(inputs, outputs, new, made) or _bars_trials(outputs):
        return True
    if not _is_small(made):
        return rows == 1
    question = tuple(outputs), tuple(inputs)
    return _following.get(question, lambda: _tried(inputs, outputs, new, made))


def _tried(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    new: Sequence[nn.Variable],
    made: Sequence[nn.Variable],
) -> bool:
    """Whether a graph for twice the rows computes what the given one does of each half."""
    values = random_inputs(new, made)
    halves = _halves(outputs, inputs, values)
    return halves is None or agreement(halves, run(new, made, values)).largest <= _TOLERANCE


def mixes_rows(compute: Compute, values: Sequence[np.ndarray]) -> bool:
    """Returns whether one row of the inputs changes what comes out of another.

    So it is where the first axis is not that of the samples but that of steps in time.

    Args:
        compute: Returns outputs, as many rows each, for values of each input.
        values: Random ones, as many rows each.

    Example:
        >>> mixes_rows(lambda values: [2 * values[0]], [np.arange(6.0).reshape(3, 2)])
        False
        >>> mixes_rows(lambda values: [np.cumsum(values[0], 0)], [np.arange(6.0).reshape(3, 2)])
        True
    """
    rows = min(map(len, values), default=0)
    if rows < 2:
        return False
    before = [np.array(output) for output in compute([np.array(value) for value in values])]
    # What runs forward in time keeps earlier rows, what runs backward later ones: both are tried.
    for changed, others in ((0, slice(1, None)), (rows - 1, slice(0, -1))):
        moved = [np.array(value) for value in values]
        for value in moved:
            value[changed] = value[(changed + 1) % rows]
        after = compute(moved)
        kept = [output[others] for output in before]
        if agreement(kept, [output[others] for output in after]).largest > _TOLERANCE:
            return True
    return False


def graph_mixes_rows(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> bool:
    """Returns whether a graph computes one row of its inputs from others, as far as can be tried.

    Args:
        outputs: Variables of one graph, for inference, with as many rows as its inputs.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((3, 2))
        >>> graph_mixes_rows([F.relu(x)], [x]), graph_mixes_rows([F.cumsum(x, axis=0)], [x])
        (False, True)
    """
    if rows_apart(inputs, outputs) or _bars_trials(outputs) or not _is_small(outputs):
        return False
    values = random_inputs(inputs, outputs)
    with _own_values_kept(inputs):
        try:
            return mixes_rows(lambda rows: run(inputs, outputs, rows), values)
        except Exception:  # whoever runs it for its values says what is wrong
            return False


def _bars_trials(outputs: Sequence[nn.Variable]) -> bool:
    """Whether a trial run on values made up would tell nothing, or leave something behind."""
    # A quantizer that has seen nothing yet must not start from values made up here.
    starting = any(not is_given(node) for node in graph_quantizers(outputs))
    return starting or any(_is_random(function.info.type_name) for function in functions(outputs))


def _is_small(outputs: Sequence[nn.Variable]) -> bool:
    sizes = (int(v.size) for f in functions(outputs) for v in (*f.inputs, *f.outputs))
    return sum(sizes) <= _MOST_TRIED


@contextmanager
def _own_values_kept(inputs: Sequence[nn.Variable]) -> Iterator[None]:
    before = [np.array(variable.d) for variable in inputs]
    try:
        yield
    finally:
        for variable, array in zip(inputs, before):
            variable.d = array


def _halves(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    values: Sequence[np.ndarray],
) -> Optional[List[np.ndarray]]:
    """What the graph computes of each half of the rows, put together; None if it can't be run."""
    rows = inputs[0].shape[0]
    with _own_values_kept(inputs):
        try:
            parts = [
                run(inputs, outputs, [value[start : start + rows] for value in values])
                for start in (0, rows)
            ]
        except Exception:  # whoever runs it for its values says what is wrong
            return None
    return [np.concatenate(pair) for pair in zip(*parts)]


def _is_random(type_name: str) -> bool:
    return type_name.startswith("Rand") or type_name == "Dropout"
