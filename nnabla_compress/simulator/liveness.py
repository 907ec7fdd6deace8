# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What can be told from a file about the contents of its buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Tuple

from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.nnb.network import NnbFile, NnbFunction

_OF_ONE = frozenset(
    "ReLU LeakyReLU Sigmoid Tanh Swish ELU SELU Sign Abs Exp Log Identity Round Dropout "
    "BinarySigmoid BinaryTanh AddScalar MulScalar PowScalar RSubScalar RDivScalar RPowScalar "
    "MinimumScalar MaximumScalar Reshape".split()
)
_OF_TWO = frozenset("Add2 Sub2 Mul2 Div2 Pow2 Minimum2 Maximum2".split())


@dataclass(frozen=True)
class Liveness:
    """How a file uses its memory.

    Args:
        constants: Functions that compute from parameters only.
        hazards: (function, variable) where a function reads what another has overwritten, or what
            nobody wrote, or writes over what it reads. Function -1 stands for the inputs of the
            network, the number after the last one for its outputs.
        lasting: Functions that change something that is kept between calls: parameters, or the
            format of a variable.
    """

    constants: FrozenSet[int]
    hazards: Tuple[Tuple[int, int], ...]
    lasting: Tuple[int, ...]

    @property
    def repeatable(self) -> bool:
        """Whether every call does the same, whatever was computed before."""
        return not self.hazards and not self.lasting


def liveness(network: NnbFile) -> Liveness:
    """Returns how a file uses its memory.

    Args:
        network: The file.

    Example:
        >>> liveness(NnbFile(3, 44, (), (), (), (), ())).repeatable
        True
    """
    buffers = [variable.buffer for variable in network.variables]
    owner: Dict[int, int] = {}  # which variable's values a buffer holds
    hazards: List[Tuple[int, int]] = []
    for number in network.inputs:
        buffer = buffers[number]
        if buffer is None or buffer in owner:
            hazards.append((-1, number))
        else:
            owner[buffer] = number
    fixed = {number for number, buffer in enumerate(buffers) if buffer is None}
    constants, lasting = [], []
    for position, function in enumerate(network.functions):
        for number in function.inputs:
            buffer = buffers[number]
            if buffer is not None and owner.get(buffer) != number:
                hazards.append((position, number))
        constant = fixed.issuperset(function.inputs)
        if constant:
            constants.append(position)
        for index, number in enumerate(function.outputs):
            buffer = buffers[number]
            others = {buffers[other] for other in function.outputs[:index]}
            if buffer is None or buffer in others or _overwrites_unread(network, function, number):
                hazards.append((position, number))
            if buffer is None:
                continue
            owner[buffer] = number
            (fixed.add if constant else fixed.discard)(number)
        if changes_what_lasts(network, function):
            lasting.append(position)
    for number in network.outputs:
        buffer = buffers[number]
        if buffer is not None and owner.get(buffer) != number:
            hazards.append((len(network.functions), number))
    return Liveness(frozenset(constants), tuple(hazards), tuple(lasting))


def _overwrites_unread(network: NnbFile, function: NnbFunction, number: int) -> bool:
    """Returns whether writing an output destroys inputs in the same buffer before they are read."""
    output = network.variables[number]
    shared = [
        variable
        for variable in (network.variables[n] for n in function.inputs)
        if variable.buffer == output.buffer
    ]
    if not shared:
        return False
    element_wise = function.type_name in _OF_ONE or function.type_name in _OF_TWO
    return not element_wise or any(
        variable.size != output.size or variable.nbytes < output.nbytes for variable in shared
    )


def changes_what_lasts(network: NnbFile, function: NnbFunction) -> bool:
    """Returns whether a function changes parameters or formats for later calls."""
    operands = [network.variables[n] for n in (*function.inputs, *function.outputs)]
    types = {variable.type for variable in operands}
    integer = types in ({"FIXED8"}, {"FIXED16"})
    if function.type_name in ("Add2", "Sub2"):
        return integer and len({variable.fp_pos for variable in operands[:2]}) > 1
    if function.type_name in FORWARD_LAYERS:
        return integer and len(operands) == 4 and operands[2].fp_pos > operands[3].fp_pos
    return function.type_name == "BatchNormalization" and bool(function.arguments.get("batch_stat"))
