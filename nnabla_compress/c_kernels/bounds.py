# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions behind an int8 layer that bound its results, which the layer's kernel does as well."""

from __future__ import annotations

import math
from typing import Dict, List, NamedTuple, Optional, Tuple

from nnabla_compress.function_types import LAYERS
from nnabla_compress.nnb.network import NnbFile, NnbFunction

_LOWEST, _HIGHEST = -128, 127


class Bounded(NamedTuple):
    """What an int8 layer gives with the bounds behind it.

    Args:
        output: Number of the variable that takes it.
        low: Lowest result.
        high: Highest result.
        functions: Numbers of the functions that bound it, which are needed no more.
    """

    output: int
    low: int = _LOWEST
    high: int = _HIGHEST
    functions: Tuple[int, ...] = ()


def bounded_layers(network: NnbFile) -> Dict[int, Bounded]:
    """Returns the int8 layers with bounds behind them, by number of their function.

    Args:
        network: The file, each of whose variables is written once.

    Example:
        >>> from nnabla_compress.nnb.network import NnbVariable
        >>> x, h, y = (NnbVariable(n, (1, 4), "FIXED8", 4, buffer=n) for n in range(3))
        >>> affine = NnbFunction("Affine", 0, 0, (0, 3), (1,), {"base_axis": 1})
        >>> relu = NnbFunction("ReLU", 14, 0, (1,), (2,), {"inplace": False})
        >>> network = NnbFile(3, 44, (4, 4, 4), (x, h, y), (affine, relu), (0,), (2,))
        >>> bounded_layers(network)
        {0: Bounded(output=2, low=0, high=127, functions=(1,))}
    """
    readers: Dict[int, List[int]] = {}
    for index, function in enumerate(network.functions):
        for number in function.inputs:
            readers.setdefault(number, []).append(index)
    found = {}
    for index, function in enumerate(network.functions):
        if function.type_name not in LAYERS or not _is_int8(network, function.outputs[0]):
            continue
        bounded = Bounded(function.outputs[0])
        while bounded.output not in network.outputs:
            behind = readers.get(bounded.output, [])
            if len(behind) != 1:
                break
            more = _with(network, bounded, behind[0])
            if more is None:
                break
            bounded = more
        if bounded.functions:
            found[index] = bounded
    return found


def _with(network: NnbFile, bounded: Bounded, index: int) -> Optional[Bounded]:
    """The results with one more function behind them; None if it does not bound them."""
    function = network.functions[index]
    limits = _limits(function)
    output = function.outputs[0]
    if limits is None or not _is_int8(network, output):
        return None
    before, after = network.variables[bounded.output], network.variables[output]
    step, ratio = 2.0**-after.fp_pos, 2.0 ** (after.fp_pos - before.fp_pos)
    # The bounds of before, which may be saturation alone, in steps of the new format.
    low = _LOWEST if bounded.low == _LOWEST else math.ceil(bounded.low * ratio)
    high = _HIGHEST if bounded.high == _HIGHEST else math.floor(bounded.high * ratio)
    low = max(low, math.ceil(max(limits[0] / step, _LOWEST)))
    high = min(high, math.floor(min(limits[1] / step, _HIGHEST)))
    if low > high:
        return None
    return Bounded(output, low, high, (*bounded.functions, index))


def _limits(function: NnbFunction) -> Optional[Tuple[float, float]]:
    if function.type_name == "ReLU":
        return 0.0, math.inf
    value = function.arguments.get("val", function.arguments.get("value"))
    if not isinstance(value, float):
        return None
    if function.type_name == "MaximumScalar":
        return value, math.inf
    return (-math.inf, value) if function.type_name == "MinimumScalar" else None


def _is_int8(network: NnbFile, number: int) -> bool:
    variable = network.variables[number]
    return variable.type == "FIXED8" and variable.data is None
