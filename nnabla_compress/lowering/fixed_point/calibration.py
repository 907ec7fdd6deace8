# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each variable of a network holds on calibration data, as far as it matters to who reads it.

A value that a following ReLU or clip replaces by its bound may saturate on the far side of it, so
it does not count; nor does a bias whose channel is never beyond the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.kernels.channels import by_channel, cut_off_before, layer_counts
from nnabla_compress.kernels.saturation import cut_off, magnitudes
from nnabla_compress.lowering.fixed_point.evaluate import Feed, copy_of, evaluate
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import (
    BOUNDS,
    MOST_FRACTION_BITS,
    key,
    largest_integer,
)
from nnabla_compress.progress import tracked

Window = Tuple[float, float]

_MOVING = ("Reshape", "Transpose", "Identity")
_TRIED = 3  # fraction bits more than hold all values


@dataclass
class Spread:
    """Values of one variable.

    Args:
        bits: Of the integers that are to hold them.
        certain: Whether there are no other values than those counted, as of a parameter.
        largest: Largest magnitude.
        count: Number of values.
        squares: Sum of their squares.
        cut: For each number of fraction bits, 0 to 15, the sum of the squares of what saturation
            would cut off.
    """

    bits: int
    certain: bool = False
    largest: float = 0.0
    count: int = 0
    squares: float = 0.0
    cut: np.ndarray = field(default_factory=lambda: np.zeros(MOST_FRACTION_BITS + 1))

    def add(self, values: np.ndarray, low: float = -np.inf, high: float = np.inf) -> None:
        """Counts values in.

        Args:
            values: An array of any shape.
            low: What is below counts as this.
            high: What is above counts as this.
        """
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        if flat.size:
            largest, squares = magnitudes(flat, low, high)
            self.count_in(flat.size, largest, squares, partial(cut_off, flat, low, high))

    def count_in(
        self, count: int, largest: float, squares: float, cut: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        """Counts values in that were looked at elsewhere.

        Args:
            count: How many.
            largest: Largest magnitude.
            squares: Sum of their squares.
            cut: Returns for each of some magnitudes the sum of the squares of what lies beyond it.
        """
        self.largest = max(self.largest, largest)
        self.count += count
        self.squares += squares
        limits = largest_integer(self.bits) * 2.0 ** -np.arange(len(self.cut))
        first = int(np.count_nonzero(limits >= largest))
        self.cut[first : first + _TRIED] += cut(limits[first : first + _TRIED])
        self.cut[first + _TRIED :] = np.inf


@dataclass
class Calibration:
    """What a network computes on calibration data.

    Args:
        spreads: By key of the variable.
        means: Mean over rows and positions of each channel of a layer's output, within its window,
            by the layer's function.
        windows: Lowest and highest value of a variable that its readers tell apart, by key.
    """

    spreads: Dict[Any, Spread]
    means: Dict[Any, np.ndarray]
    windows: Dict[Any, Window]


def calibrate(
    graph: FixedPointGraph,
    batches: Iterable[Feed],
    bits: int,
    spread: bool = True,
    rows: Optional[Sequence[np.ndarray]] = None,
) -> Calibration:
    """Runs a network on calibration data.

    Args:
        graph: The network.
        batches: Inputs.
        bits: Of the integers that are to hold the variables.
        spread: Whether spreads are asked for; means alone take half the time.
        rows: Of which rows of each batch means are wanted; all by default.
    """
    windows = _windows(graph.outputs)
    spreads: Dict[Any, Spread] = {}
    sums: Dict[Any, np.ndarray] = {}
    feeds = list(batches)
    of_batch: Sequence[Any] = [slice(None)] * len(feeds) if rows is None else rows
    counted = 0

    def note(variable: nn.Variable, values: np.ndarray) -> None:
        if spread and key(variable) in graph.fixed:
            low, high = windows.get(key(variable), _ALL)
            spreads.setdefault(key(variable), Spread(bits)).add(values, low, high)

    def compute(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        made = copy_of(function, arguments)
        if _adds_bias_last(function, graph.fixed):
            y, axis = made[0].d, function.info.args["base_axis"] % arguments[0].ndim
            window = windows[key(function.outputs[0])]
            if spread:
                found = spreads.setdefault(key(function.outputs[0]), Spread(bits))
                means = _noted_with_bias(found, y, np.array(arguments[BIAS].d), window, axis)
            else:
                means = channel_means(np.clip(y, *window), axis)
            sums[function] = sums.get(function, 0) + means[chosen].sum(axis=0)
        elif not _share_counts(function, spreads, windows, graph.fixed):
            for variable, copy in zip(function.outputs, made):
                note(variable, copy.d)
        return made

    for number, feed in enumerate(tracked("choosing number formats", feeds, len(feeds))):
        for variable, array in feed.items():
            note(variable, array)
        chosen = of_batch[number]
        counted += len(np.arange(len(next(iter(feed.values()))))[chosen])
        evaluate(graph.outputs, feed, compute)
    for function in functions(graph.outputs):
        for position, variable in enumerate(function.inputs):
            # A bound beyond the integers is as good as their largest.
            bound = function.info.type_name in BOUNDS
            bias = function.info.type_name in FORWARD_LAYERS and position == BIAS
            wanted = spread and key(variable) in graph.fixed
            if wanted and key(variable) not in spreads and not (bias or bound):
                spreads[key(variable)] = Spread(bits, certain=True)
                spreads[key(variable)].add(variable.d)
    return Calibration(spreads, {f: total / counted for f, total in sums.items()}, windows)


def _adds_bias_last(function: Any, fixed: Collection[Any]) -> bool:
    """Whether a layer holds its sums as integers of the output before it adds the bias."""
    if function.info.type_name not in FORWARD_LAYERS or len(function.inputs) <= BIAS:
        return False
    return key(function.inputs[WEIGHT]) in fixed


def _share_counts(
    function: Any,
    spreads: Dict[Any, Spread],
    windows: Mapping[Any, Window],
    fixed: Collection[Any],
) -> bool:
    """Whether a function gives, within its window, what was counted already.

    Its output then has these counts.
    """
    x, y = key(function.inputs[0]), key(function.outputs[0])
    if x not in spreads or y not in fixed:
        return False
    if not _gives_the_same(function, windows.get(x, _ALL), windows.get(y, _ALL)):
        return False
    # What a layer holds before the bias counts, too.
    by = function.inputs[0].parent
    if by is not None and _adds_bias_last(by, fixed):
        return False
    return spreads.setdefault(y, spreads[x]) is spreads[x]


def _gives_the_same(function: Any, given: Window, seen: Window) -> bool:
    """Whether outputs, clipped to what readers see, are the inputs clipped to theirs."""
    clip = _clip_of(function)
    if clip is None:
        return function.info.type_name in _MOVING and given == seen
    return given == _clipped(seen, clip) and seen[0] <= clip[1] and clip[0] <= seen[1]


def channel_means(values: np.ndarray, axis: int) -> np.ndarray:
    """Returns the mean of each channel, or of each output behind ``axis`` where those are several.

    Args:
        values: (rows, ..., channels, ...).
        axis: Axis of the channels.

    Returns:
        float64 (rows, channels).

    Example:
        >>> channel_means(np.float32([[[1, 3], [5, 7]]]), 1).tolist()
        [[2.0, 6.0]]
    """
    others = tuple(i for i in range(1, values.ndim) if i != axis)
    return np.asarray(values.mean(axis=others, dtype=np.float64))


def _noted_with_bias(
    spread: Spread, y: np.ndarray, bias: np.ndarray, window: Window, axis: int
) -> np.ndarray:
    """Counts what a layer gives, and what its kernel holds before it adds the bias.

    The latter counts where the result matters.

    Returns:
        The mean of each channel, or of each output behind ``axis`` where those are several, within
        the window, (rows, channels).
    """
    values, each = by_channel(y, axis, bias.ndim), np.ascontiguousarray(bias, np.float32).ravel()
    found = layer_counts(values, each, *window)
    flat = values.reshape(-1)
    spread.count_in(flat.size, found.largest, found.squares, partial(cut_off, flat, *window))
    if found.count_before:
        cut = partial(cut_off_before, values, each, window[0])
        spread.count_in(found.count_before, found.largest_before, found.squares_before, cut)
    spread.add(each[found.matters])
    rows, channels = len(y), y.shape[axis]
    sums = found.sums.reshape(rows, -1, channels, bias.size // channels).sum(axis=(1, 3))
    return np.asarray(sums / (y.size // (rows * channels)))


_ALL: Window = (-np.inf, np.inf)


def _windows(outputs: Sequence[nn.Variable]) -> Dict[Any, Window]:
    """Returns the range within which readers tell values apart, for each variable."""
    readers = consumers(outputs)
    windows: Dict[Any, Window] = {}

    def seen_by(reader: Any) -> Window:
        if reader is None:
            return _ALL
        window, clip = windows[key(reader.outputs[0])], _clip_of(reader)
        if clip is not None:
            return _clipped(window, clip)
        same = ("MaxPooling", *_MOVING)
        return window if reader.info.type_name in same else _ALL

    for function in reversed(functions(outputs)):
        for variable in function.outputs:
            seen = [seen_by(reader) for reader in readers.get(variable, [None])]
            windows[key(variable)] = (min(s[0] for s in seen), max(s[1] for s in seen))
    return windows


def _clip_of(function: Any) -> Optional[Window]:
    """The lowest and highest value that a function lets through; None if it does something else."""
    type_name, args = function.info.type_name, function.info.args
    if type_name == "ReLU":
        return 0.0, np.inf
    if type_name == "MaximumScalar":
        return args["val"], np.inf
    return (-np.inf, args["val"]) if type_name == "MinimumScalar" else None


def _clipped(window: Window, clip: Window) -> Window:
    low, high = (min(max(edge, clip[0]), clip[1]) for edge in window)
    return low, high
