# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters as the integers that a file holds, and the network with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, Iterator, List, Mapping, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.decoded_later import read_beside_layers
from nnabla_compress.lowering.fixed_point.evaluate import copy_of
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key, largest_integer
from nnabla_compress.lowering.storage.scheme import unfilled
from nnabla_compress.memory import is_large
from nnabla_compress.nnb.content import blocks
from nnabla_compress.nnb.sources import Source

_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class RoundedNetwork:
    """A network whose parameters are integers times powers of two.

    Args:
        outputs: Its outputs.
        types: Types of its variables, such as ``"FIXED8_5"``.
        codes: The integers that stand for a parameter, by its array.
        positions: Their fraction bits, likewise.
        deferred: Values of large weights, which are not in memory.
    """

    outputs: List[nn.Variable]
    types: Dict[nn.Variable, str]
    codes: Dict[Any, np.ndarray]
    positions: Dict[Any, int]
    deferred: Deferred


def parameter_codes(
    graph: FixedPointGraph, inputs: Any, positions: Mapping[Any, int], bits: int
) -> Dict[Any, np.ndarray]:
    """Returns the integers that stand for each parameter, by its array.

    Args:
        graph: The network.
        inputs: Its inputs.
        positions: Fraction bits by key.
        bits: Of the integers.
    """
    dynamic = set(inputs)
    top = largest_integer(bits)
    codes: Dict[Any, np.ndarray] = {}
    for function in functions(graph.outputs):
        for variable in function.inputs:
            name = key(variable)
            if variable.parent is None and variable not in dynamic and name in positions:
                codes[name] = _codes(variable.d, 2.0 ** positions[name], top)
    return codes


def _codes(values: np.ndarray, scale: float, top: int) -> np.ndarray:
    """Returns numbers times a scale as integers: weights in as few bytes as hold them."""
    # Biases are corrected later, in steps that may go beyond.
    made = np.empty(values.shape, np.min_scalar_type(-top) if values.ndim > 1 else np.int32)
    flat, source = made.reshape(-1), np.asarray(values).reshape(-1)
    for start in range(0, flat.size, _AT_ONCE):
        scaled = np.rint(source[start : start + _AT_ONCE].astype(np.float64) * scale)
        # Not the lowest integer: added to itself the kernels make it 0.
        flat[start : start + _AT_ONCE] = np.clip(scaled, -top, top)
    return made


def values_of(codes: np.ndarray, position: int, out: Optional[np.ndarray] = None) -> np.ndarray:
    """Returns the numbers that integers stand for.

    Args:
        codes: The integers, of 16 bits at most.
        position: Their fraction bits.
        out: What they are written to, float32; by default a new array.

    Example:
        >>> values_of(np.int8([-3, 4]), 1).tolist()
        [-1.5, 2.0]
    """
    values = np.empty(codes.shape, np.float32) if out is None else out
    return np.multiply(codes, np.float32(2.0**-position), out=values, casting="unsafe")


def rounded_network(
    graph: FixedPointGraph,
    positions: Mapping[Any, int],
    codes: Mapping[Any, np.ndarray],
    bits: int,
    names: Mapping[Any, str],
) -> RoundedNetwork:
    """Builds the network again with rounded parameters.

    Args:
        graph: The network.
        positions: Fraction bits by key.
        codes: Integers of the parameters, by their array.
        bits: Of the integers.
        names: Paths of parameters by their array.
    """
    parameters: Dict[Any, nn.Variable] = {}
    types: Dict[nn.Variable, str] = {}
    deferred = Deferred()
    others = read_beside_layers(graph.outputs)

    def parameter(name: Any, path: str) -> nn.Variable:
        if not is_large(codes[name].size) or name in others:
            return constant(values_of(codes[name], positions[name]), path)
        made = unfilled(codes[name].shape, path)
        made.need_grad = True
        pieces = partial(_pieces, codes[name], positions[name])
        deferred.codes[made.data] = Source(made.shape, pieces)
        return made

    def type_of(name: Any) -> str:
        return f"FIXED{bits}_{positions[name]}"

    def replace(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        for place, variable in enumerate(function.inputs):
            name = key(variable)
            if name in codes:
                if name not in parameters:
                    parameters[name] = parameter(name, names.get(name, variable.name))
                    types[parameters[name]] = type_of(name)
                arguments[place] = parameters[name]
            elif variable.parent is None and name in positions:
                types[variable] = type_of(name)
        made = copy_of(function, arguments)
        for old, new in zip(function.outputs, made):
            new.name = old.name
            if key(old) in positions:
                types[new] = type_of(key(old))
        return made

    outputs = rebuild(graph.outputs, replace)
    return RoundedNetwork(
        outputs,
        types,
        {parameters[name].data: codes[name] for name in parameters},
        {parameters[name].data: positions[name] for name in parameters},
        deferred,
    )


def _pieces(codes: np.ndarray, position: int) -> Iterator[np.ndarray]:
    for block in blocks(codes.shape):
        yield values_of(codes[block], position).ravel()
