# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting an ordinary network file so that the C kernels own its layers, with packed weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from nnabla_compress.c_kernels.bounds import Bounded, bounded_layers
from nnabla_compress.c_kernels.int8 import int8_weights
from nnabla_compress.c_kernels.layout import (
    FLOAT_BITS,
    IMPLEMENT,
    Int8Results,
    PackedWeights,
    multipliers_of,
)
from nnabla_compress.c_kernels.order import file_shape, output_maps
from nnabla_compress.function_types import LAYERS
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, values
from nnabla_compress.nnb.compact import with_own_buffers
from nnabla_compress.nnb.content import blocks

PACKED_LAYERS = tuple(name for name in LAYERS if name != "DepthwiseDeconvolution")
WEIGHT, BIAS = 1, 2
MOST_BITS = 8


class Left(NamedTuple):
    """A layer that stays with the stock kernels."""

    function: int
    type_name: str
    reason: str


def pack_network(
    network: NnbFile, weights: Optional[Mapping[int, PackedWeights]] = None, fuse: bool = False
) -> Tuple[NnbFile, List[Left]]:
    """Packs the weights of a network and marks their functions for the C kernels.

    Layers whose input and output are int8 variables get their weights as integers of 8 bits at
    most, with the float biases in their description.

    Args:
        network: An ordinary file with float weights.
        weights: How to store weights, by number of the variable. A weight that is not here gets a
            dictionary of its values if there are at most 256 of them; of int8 layers, 8 bits and a
            scale for each output map if there are more.
        fuse: Let int8 layers do what bounds their results behind them. All variables then get
            buffers of their own, which :func:`~nnabla_compress.nnb.compact.compact` shares.

    Returns:
        The rewritten network, which computes the same values, and the layers that stay as they are,
        with the reason.

    Example:
        >>> w = np.float32([[0.5, -1, 0.5, 0], [0, -1, -1, 0.5]] * 40)
        >>> variables = (
        ...     NnbVariable(0, (1, 4), "FLOAT32", buffer=0),
        ...     NnbVariable(1, (4, 80), "FLOAT32", data=w.tobytes()),
        ...     NnbVariable(2, (1, 80), "FLOAT32", buffer=1),
        ... )
        >>> affine = NnbFunction("Affine", 0, 0, (0, 1), (2,), {"base_axis": 1})
        >>> network = NnbFile(3, 44, (16, 320), variables, (affine,), (0,), (2,))
        >>> packed, left = pack_network(network)
        >>> packed.functions[0].inputs, len(packed.variables[1].data), left
        ((0, 1, 3, 3), 80, [])
    """
    given = dict(weights or {})
    chosen: Dict[int, Union[PackedWeights, str]] = {}
    readers: Dict[int, List[str]] = {}
    for function in network.functions:
        complaint = _complaint(network, function)
        for position, number in enumerate(function.inputs):
            reason = "its weight is read by another function" if position != WEIGHT else complaint
            readers.setdefault(number, []).append(reason or "")
    left = []
    variables, functions = list(network.variables), list(network.functions)
    tables: Dict[Tuple[int, bytes], int] = {}
    bounded = bounded_layers(network) if fuse else {}
    dropped = {number for one in bounded.values() for number in one.functions}
    for index, function in enumerate(network.functions):
        if function.type_name not in PACKED_LAYERS:
            continue
        reason = _complaint(network, function)
        number = function.inputs[WEIGHT]
        if reason is None:
            reason = next((reason for reason in readers[number] if reason), None)
        to_int8 = network.variables[function.outputs[0]].type == "FIXED8"
        if reason is None and number not in chosen:
            chosen[number] = _packed(network, function, given.get(number), to_int8)
        packed = chosen.get(number, "")
        if reason is not None or isinstance(packed, str):
            left.append(Left(index, function.type_name, reason or str(packed)))
            continue
        if to_int8:
            bounds = bounded.get(index) or Bounded(function.outputs[0])
            packed = _with_results(network, function, packed, bounds)
            function = replace(function, outputs=(bounds.output,))
        content = packed.description()
        if (number, content) not in tables:
            tables[number, content] = len(variables)
            identity = max(variable.id for variable in variables) + 1
            variables.append(NnbVariable(identity, (len(content),), "FIXED8", data=content))
            variables[number] = replace(
                variables[number], type="FIXED8", fp_pos=0, data=packed.code_bytes()
            )
        table = tables[number, content]
        has_bias = len(function.inputs) > BIAS and not to_int8
        inputs = (*function.inputs[:BIAS], function.inputs[BIAS] if has_bias else table, table)
        functions[index] = replace(function, inputs=inputs, implement=IMPLEMENT)
    kept = [one for index, one in enumerate(functions) if index not in dropped]
    made = replace(network, variables=tuple(variables), functions=tuple(kept))
    return (with_own_buffers(made) if dropped else made), left


def dictionary_of(weight: np.ndarray) -> Optional[PackedWeights]:
    """Returns a weight as codes and a dictionary of its values, None if there are more than 256.

    Args:
        weight: float32 values in the order of the file.

    Example:
        >>> packed = dictionary_of(np.float32([0.5, -1, 0.5, 2]))
        >>> packed.bits, packed.codes.tolist(), packed.dictionary.tolist()
        (2, [1, 0, 1, 2], [-1.0, 0.5, 2.0, 0.0])
    """
    entries = distinct_values(weight, 2**MOST_BITS)
    if entries is None:
        return None
    bits = max(1, math.ceil(math.log2(len(entries))))
    dictionary = np.zeros(2**bits, np.float32)
    dictionary[: len(entries)] = entries
    codes = np.empty(weight.shape, np.uint8)
    for block in blocks(weight.shape):
        codes[block] = np.searchsorted(entries, weight[block])
    return PackedWeights(codes, bits, dictionary)


def distinct_values(weight: np.ndarray, most: int) -> Optional[np.ndarray]:
    """Returns the distinct values of a weight, sorted; None if there are too many.

    Args:
        weight: Any array, also a transposed view.
        most: How many there may be.

    Example:
        >>> distinct_values(np.float32([2, 1, 2]), 2).tolist(), distinct_values(np.arange(3), 2)
        ([1.0, 2.0], None)
    """
    known = np.unique(weight.reshape(-1)[:0])
    for block in blocks(weight.shape):
        part = weight[block].reshape(-1)
        if known.size:
            near = np.minimum(np.searchsorted(known, part), known.size - 1)
            part = part[known[near] != part]
        if part.size:
            known = np.union1d(known, part)
        if known.size > most:
            return None
    return known


def _complaint(network: NnbFile, function: NnbFunction) -> Optional[str]:
    """Why the C kernels can't own a function, None if they can."""
    if function.type_name not in PACKED_LAYERS:
        return "its weight is read by another function"
    if function.implement != 0:
        return f"it is marked for another user function, implement {function.implement}"
    used = [network.variables[number] for number in function.inputs]
    output = network.variables[function.outputs[0]]
    if any(v.type != "FLOAT32" for v in used[1:]):
        return "weight and bias are not both float"
    if output.type != "FLOAT32" and not used[0].type == output.type == "FIXED8":
        return "its output is neither float, nor int8 as its input"
    if len(used) > 3 or used[WEIGHT].data is None:
        return "its weight is computed by other functions"
    if function.type_name == "Affine":
        return None
    if function.arguments.get("channel_last"):
        return "its channels are last"
    spatial = len(used[0].shape) - int(function.arguments["base_axis"]) - 1  # type: ignore[arg-type]
    return None if spatial in (1, 2) else f"it has {spatial} spatial dimensions"


def _packed(
    network: NnbFile, function: NnbFunction, given: Optional[PackedWeights], to_int8: bool
) -> Union[PackedWeights, str]:
    """The packed weight, or why it stays float."""
    variable = network.variables[function.inputs[WEIGHT]]
    weight = values(variable)
    if not np.isfinite(weight).all():
        return "its weight holds values that are not finite"
    packed = given if given is not None else dictionary_of(weight)
    if to_int8:
        held = weight.reshape(file_shape(function.type_name, weight.shape))
        if packed is None:
            packed = PackedWeights(held, FLOAT_BITS)
        return int8_weights(packed, _maps(network, function))
    if packed is None:
        return f"its weight has {len(np.unique(weight))} values, more than {2**MOST_BITS}"
    if packed.code_size + len(packed.description()) >= variable.nbytes:
        return "codes and dictionary would take as many bytes as the floats"
    return packed


def _maps(network: NnbFile, function: NnbFunction) -> np.ndarray:
    shape, group = network.variables[function.inputs[WEIGHT]].shape, 1
    if function.type_name == "Deconvolution":
        group = int(function.arguments["group"])  # type: ignore[arg-type]
    return output_maps(function.type_name, shape, group)


def _with_results(
    network: NnbFile, function: NnbFunction, packed: PackedWeights, bounds: Bounded
) -> PackedWeights:
    """The weights with what makes int8 results of their sums."""
    output = network.variables[bounds.output]
    count = int(_maps(network, function).max()) + 1
    biases = np.zeros(count, np.float32)
    if len(function.inputs) > BIAS:
        biases = values(network.variables[function.inputs[BIAS]]).reshape(-1)
    results = Int8Results.of(biases, output.fp_pos, bounds.low, bounds.high)
    scales = np.ones(1, np.float32) if packed.scales is None else packed.scales
    multipliers_of(scales, output.fp_pos - network.variables[function.inputs[0]].fp_pos)
    return replace(packed, results=results)
