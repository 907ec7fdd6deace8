# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting an ordinary network file so that the C kernels own its layers, with packed weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from nnabla_compress.c_kernels.layout import IMPLEMENT, PackedWeights
from nnabla_compress.function_types import LAYERS
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, values
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
    network: NnbFile, weights: Optional[Mapping[int, PackedWeights]] = None
) -> Tuple[NnbFile, List[Left]]:
    """Packs the weights of a network and marks their functions for the C kernels.

    Args:
        network: An ordinary file with float weights.
        weights: How to store weights, by number of the variable. A weight that is not here gets a
            dictionary of its values if there are at most 256 of them.

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
    tables: Dict[int, int] = {}
    for index, function in enumerate(network.functions):
        if function.type_name not in PACKED_LAYERS:
            continue
        reason = _complaint(network, function)
        number = function.inputs[WEIGHT]
        if reason is None:
            reason = next((reason for reason in readers[number] if reason), None)
        if reason is None and number not in chosen:
            chosen[number] = _packed(network.variables[number], given.get(number))
        packed = chosen.get(number, "")
        if reason is not None or isinstance(packed, str):
            left.append(Left(index, function.type_name, reason or str(packed)))
            continue
        if number not in tables:
            tables[number] = len(variables)
            content = packed.description()
            identity = max(variable.id for variable in variables) + 1
            variables.append(NnbVariable(identity, (len(content),), "FIXED8", data=content))
            variables[number] = replace(
                variables[number], type="FIXED8", fp_pos=0, data=packed.code_bytes()
            )
        bias = function.inputs[BIAS] if len(function.inputs) > BIAS else tables[number]
        inputs = (*function.inputs[:BIAS], bias, tables[number])
        functions[index] = replace(function, inputs=inputs, implement=IMPLEMENT)
    return replace(network, variables=tuple(variables), functions=tuple(functions)), left


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
    if any(v.type != "FLOAT32" for v in (*used[1:], network.variables[function.outputs[0]])):
        return "weight, bias and output are not all float"
    if len(used) > 3 or used[WEIGHT].data is None:
        return "its weight is computed by other functions"
    if function.type_name == "Affine":
        return None
    if function.arguments.get("channel_last"):
        return "its channels are last"
    spatial = len(used[0].shape) - int(function.arguments["base_axis"]) - 1  # type: ignore[arg-type]
    return None if spatial in (1, 2) else f"it has {spatial} spatial dimensions"


def _packed(variable: NnbVariable, given: Optional[PackedWeights]) -> Union[PackedWeights, str]:
    """The packed weight, or why it stays float."""
    weight = values(variable)
    if not np.isfinite(weight).all():
        return "its weight holds values that are not finite"
    packed = given if given is not None else dictionary_of(weight)
    if packed is None:
        return f"its weight has {len(np.unique(weight))} values, more than {2**MOST_BITS}"
    if packed.code_size + len(packed.description()) >= variable.nbytes:
        return "codes and dictionary would take as many bytes as the floats"
    return packed
