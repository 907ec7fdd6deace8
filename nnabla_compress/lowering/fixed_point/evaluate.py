# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running a graph function by function on calibration data."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.nnabla_errors import told_as

Compute = Callable[[Any, List[nn.Variable]], Optional[List[nn.Variable]]]
Feed = Mapping[nn.Variable, np.ndarray]


def copy_of(function: Any, arguments: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Returns the outputs of a function on other inputs, whose values stay as they are.

    Args:
        function: A function of a graph.
        arguments: Its new inputs.
    """
    if function.info.type_name == "Pad" and nn.get_auto_forward():
        padded = _padded(function.info.args, arguments[0].d)
        if padded is not None:
            return [nn.Variable.from_numpy_array(padded)]
    changes = {"inplace": False} if "inplace" in function.info.args else None
    return clone(function, arguments, changes)


def _padded(args: Mapping[str, Any], x: np.ndarray) -> Optional[np.ndarray]:
    """What NNabla's Pad gives, in a fifth of its time; None for modes that repeat values."""
    if args["mode"] != "constant":
        return None
    widths = list(zip(args["pad_width"][::2], args["pad_width"][1::2]))
    widths = [(0, 0)] * (x.ndim - len(widths)) + widths
    shape = [before + size + after for (before, after), size in zip(widths, x.shape)]
    y = np.full(shape, args["constant_value"], np.float32)
    y[tuple(slice(w[0], w[0] + size) for w, size in zip(widths, x.shape))] = x
    return y


def evaluate(outputs: Sequence[nn.Variable], feed: Feed, compute: Compute) -> List[np.ndarray]:
    """Runs a graph, one function at a time.

    Args:
        outputs: Variables of one graph.
        feed: Values (rows, ...) of its inputs; any number of rows.
        compute: Called with each function, in order of execution, and its inputs, which hold
            values. Returns outputs with values, None to compute what the function says.

    Returns:
        The values of the outputs.

    Raises:
        ExportError: If the graph can't be run with this number of rows.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 2))
        >>> evaluate([F.relu(x)], {x: np.float32([[-1, 1], [2, 3]])}, lambda f, inputs: None)
        [array([[0., 1.],
               [2., 3.]], dtype=float32)]
    """
    values = {variable: nn.Variable.from_numpy_array(array) for variable, array in feed.items()}
    order = functions(outputs, stop=list(feed))
    left = Counter(variable for function in order for variable in function.inputs)
    left.update(outputs)
    rows = len(next(iter(feed.values())))
    what = f"the network can't be run on {rows} samples at once"
    with told_as(ExportError, what, "build it with -1 for the batch size in shapes"):
        with nn.auto_forward(True):
            for function in order:
                given = [values.get(variable, variable) for variable in function.inputs]
                made = compute(function, given) or copy_of(function, given)
                # Without the graph behind it, a variable keeps no other's values.
                values.update(zip(function.outputs, (y.get_unlinked_variable() for y in made)))
                left.subtract(function.inputs)
                for variable in (*function.inputs, *function.outputs):
                    if not left[variable]:
                        values.pop(variable, None)
    found = [np.array(values.get(output, output).d) for output in outputs]
    del values, order
    clear_memory_cache()  # NNabla keeps freed memory, which arrays of other sizes don't take
    return found


def feeds(
    inputs: Mapping[str, nn.Variable],
    samples: Mapping[str, np.ndarray],
    most: int,
    rows: int,
    target: str,
    outputs: Sequence[nn.Variable] = (),
) -> Iterator[Feed]:
    """Yields the samples in batches; of a batch size that is written into the network, if one is.

    Args:
        inputs: Inputs by name.
        samples: Arrays (rows, ...) for each input.
        most: Number of rows to use, evenly spread if there are more.
        rows: Rows of a batch.
        target: Name of the target, for messages.
        outputs: What is to be computed of the inputs.

    Raises:
        ConfigError: If there are no samples or they don't fit.
    """
    arrays = {}
    for name, variable in inputs.items():
        array = np.asarray(samples.get(name, ()), np.float32)
        if array.size == 0:
            raise ConfigError(
                f"target {target!r} chooses number formats from samples: input {name} has none.",
                help=f"give export_nnp samples={{'{name}': array of inputs, some 32 or more}}; "
                "from the shell add --data",
            )
        if array.shape[1:] != tuple(variable.shape[1:]):
            raise ConfigError(
                f"samples for input {name} have the shape {array.shape}, expected "
                f"(rows, {', '.join(map(str, variable.shape[1:]))}).",
                help="give rows for each input",
            )
        if not np.isfinite(array).all():
            raise ConfigError(
                f"samples for input {name} hold NaN or infinite numbers.", help="leave them out"
            )
        arrays[variable] = array
    count = min(map(len, arrays.values()))
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
    own = rows_of(outputs, list(inputs.values()), rows)
    if own != rows:  # full batches only: some samples come twice if they fill none
        rows = own
        chosen = np.resize(chosen, max(len(chosen) - len(chosen) % rows, rows))
    for start in range(0, len(chosen), rows):
        yield {v: array[chosen[start : start + rows]] for v, array in arrays.items()}


def rows_among(feed: Feed, batches: Sequence[Feed]) -> Optional[List[np.ndarray]]:
    """Returns which rows of batches make up a feed, for each batch; None if some are missing.

    Args:
        feed: Values (rows, ...) of some variables.
        batches: Values of the same variables, which hold the rows in the same order.

    Example:
        >>> x = nn.Variable((1,))
        >>> batches = [{x: np.float32([1, 2])}, {x: np.float32([3, 4])}]
        >>> [rows.tolist() for rows in rows_among({x: np.float32([2, 3, 4])}, batches)]
        [[1], [0, 1]]
        >>> rows_among({x: np.float32([3, 2])}, batches) is None
        True
    """
    found: List[List[int]] = [[] for _ in batches]
    places = ((b, row) for b, batch in enumerate(batches) for row in range(_rows_of(batch)))
    for wanted in range(_rows_of(feed)):
        for number, row in places:
            if all(
                np.array_equal(array[wanted], batches[number][v][row]) for v, array in feed.items()
            ):
                found[number].append(row)
                break
        else:
            return None
    return [np.array(rows, int) for rows in found]


def _rows_of(feed: Feed) -> int:
    return len(next(iter(feed.values())))
