# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Choosing the fraction bits of each variable under the rules of the integer kernels.

Variables that must share a format form a class. Each class starts from the number of fraction bits
with the least squared error, of saturation and of rounding together, summed over its variables; or,
where there are bits enough, from the largest that holds all values with room to spare. Then
inequalities between classes lower it where they must::

    layer, product:  fp(y) <= fp(x) + fp(w)    where the weight is an integer, too
    ReLU, sum pooling:  fp(x) - 6 <= fp(y) <= fp(x)
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.analysis.places import places
from nnabla_compress.errors import ExportError
from nnabla_compress.function_types import FORWARD_LAYERS, LAYERS
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.fixed_point.calibration import Spread
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import (
    LARGEST_SHIFT,
    MOST_FRACTION_BITS,
    integer_inputs,
    key,
    largest_integer,
)

_MOST_CUT = 1e-3  # of the sum of squares: 30 dB


def fraction_bits(
    graph: FixedPointGraph,
    spreads: Mapping[Any, Spread],
    bits: int,
    names: Mapping[Any, str],
    headroom: Optional[int] = None,
) -> Dict[Any, int]:
    """Returns the fraction bits of each integer variable, by key.

    Args:
        graph: The network.
        spreads: What its variables hold, by key; those that hold nothing of matter may be absent.
        bits: Of the integers.
        names: Paths of parameters by their array, for messages.
        headroom: Bits kept free above the largest value seen, where other data may exceed it.
            None: values may be cut off where that makes the squared error smaller.

    Raises:
        ExportError: If values are too large to be held.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> x, w = nn.Variable((1, 2)), nn.Variable((2, 3))
        >>> y = F.affine(x, w)
        >>> graph = FixedPointGraph([y], {x.data, w.data, y})
        >>> spreads = {name: Spread(8) for name in (x.data, w.data, y)}
        >>> for name, largest in zip(spreads, (3, 0.5, 0.001)):
        ...     spreads[name].add(np.linspace(-largest, largest, 1000))
        >>> positions = fraction_bits(graph, spreads, 8, {})
        >>> [positions[name] for name in spreads]
        [5, 8, 13]
    """
    classes, sums, shifts = _rules(graph)
    members: Dict[int, List[Any]] = {}
    for name in graph.fixed:
        members.setdefault(classes.of(name), []).append(name)
    chosen: Dict[int, int] = {}
    named = {
        key(v): f"what {where} gives"
        for function, where in places(graph.outputs).items()
        for v in function.outputs
    }
    for root, names_in in members.items():
        known = [spreads[name] for name in names_in if name in spreads]
        chosen[root] = (
            _least_error(known) if headroom is None else _with_headroom(known, bits, headroom)
        )
        for name in names_in:
            if name in spreads:
                _check(spreads[name], names.get(name) or named.get(name, "an input"), bits)
    changed = True
    while changed:
        changed = False
        for y, terms, more in sums:
            most = sum(chosen[classes.of(term)] for term in terms) + more
            if chosen[classes.of(y)] > most:
                chosen[classes.of(y)], changed = most, True
        for x, y in shifts:
            if chosen[classes.of(x)] > chosen[classes.of(y)] + LARGEST_SHIFT:
                chosen[classes.of(x)] = chosen[classes.of(y)] + LARGEST_SHIFT
                changed = True
    return {name: chosen[classes.of(name)] for name in graph.fixed}


class _Classes:
    """Disjoint sets of names, each known by a number."""

    def __init__(self) -> None:
        self.numbers: Dict[Any, int] = {}
        self.parents: List[int] = []

    def of(self, name: Any) -> int:
        """Returns the number of a name's class."""
        number = self.numbers.setdefault(name, len(self.parents))
        if number == len(self.parents):
            self.parents.append(number)
        while self.parents[number] != number:
            self.parents[number] = self.parents[self.parents[number]]
            number = self.parents[number]
        return number

    def join(self, a: Any, b: Any) -> None:
        self.parents[self.of(a)] = self.of(b)


_Sums = List[Tuple[Any, List[Any], int]]
_Shifts = List[Tuple[Any, Any]]


def _rules(graph: FixedPointGraph) -> Tuple[_Classes, _Sums, _Shifts]:
    """Returns what shares a format, ``fp(y) <= sum of fp(terms)``, ``fp(x) - 6 <= fp(y)``."""
    classes, sums, shifts = _Classes(), [], []
    for function in functions(graph.outputs):
        type_name = function.info.type_name
        y = key(function.outputs[0])
        inputs = [key(variable) for variable in integer_inputs(function, graph.fixed)]
        if y not in graph.fixed or not inputs:
            continue
        if type_name in LAYERS and key(function.inputs[WEIGHT]) not in graph.fixed:
            continue  # it rounds its sums to any format
        if type_name in FORWARD_LAYERS:
            sums.append((y, inputs[:BIAS], 0))
            for bias in inputs[BIAS:]:
                classes.join(bias, y)
        elif type_name == "Mul2":
            sums.append((y, inputs, 0))
        elif type_name in ("ReLU", "SumPooling"):
            sums.append((y, inputs, 0))
            shifts.append((inputs[0], y))
        elif len(inputs) == len(function.inputs):
            for other in (*inputs, *map(key, function.outputs)):
                classes.join(other, y)
    return classes, sums, shifts


def _with_headroom(spreads: List[Spread], bits: int, headroom: int) -> int:
    """Returns the number of fraction bits that holds the values with bits to spare."""
    largest = max((s.largest * 2.0 ** (0 if s.certain else headroom) for s in spreads), default=0)
    limits = largest_integer(bits) * 2.0 ** -np.arange(MOST_FRACTION_BITS + 1)
    return max(0, int(np.count_nonzero(limits >= largest)) - 1)


def _least_error(spreads: List[Spread]) -> int:
    """Returns the number of fraction bits with the least squared error."""
    fractions = np.arange(MOST_FRACTION_BITS + 1)
    error = np.zeros(len(fractions))
    for spread in spreads:
        if spread.count:
            error += spread.cut / spread.count + 4.0**-fractions / 12
    return int(fractions[error == error.min()].max()) if error.any() else MOST_FRACTION_BITS


def exceeds(spread: Spread) -> bool:
    """Whether the coarsest format would cut off a part of the values that matters.

    Args:
        spread: Of the values.
    """
    return bool(spread.cut[0] > _MOST_CUT * spread.squares)


def _check(spread: Spread, what: str, bits: int) -> None:
    if exceeds(spread):
        raise ExportError(
            f"{what} reaches {spread.largest:.4g}, integers of {bits} bits hold up to "
            f"{largest_integer(bits)}.",
            help="scale it down" + (", or use target 'int16'" if bits == 8 else ""),
        )
