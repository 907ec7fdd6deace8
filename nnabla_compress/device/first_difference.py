# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The first function of a network that gives something else on a board than in the simulator."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.nnb import NnbFile, NnbVariable
from nnabla_compress.nnb.network import DTYPES
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.inner import with_outputs
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.simulator.tensor import COEFFICIENTS
from nnabla_compress.verification.report import Promise


def first_difference(
    machine: Machine, batch: Sequence[np.ndarray], trace: bytes, promise: Promise
) -> Optional[int]:
    """Returns the number of the first function that breaks a promise.

    Args:
        machine: The simulator with the network.
        batch: Real values of each input, of its shape.
        trace: What each function gave on the board, in their order.
        promise: What is owed.

    Returns:
        The number; None if all keep it, or if functions read what others have overwritten.
    """
    network = machine.network
    if not machine.repeatable:
        return None
    seen = sorted({n for function in network.functions for n in function.outputs})
    inner = [n for n in seen if n not in network.outputs]
    more = Machine(with_outputs(network, inner), callbacks=PACKED_CALLBACKS)
    numbers = (*network.outputs, *inner)
    values = dict(zip(numbers, more.run(batch)))
    start = 0
    for number, function in enumerate(network.functions):
        for output in function.outputs:
            variable = network.variables[output]
            got = _real(variable, trace[start : start + variable.nbytes])
            start += variable.nbytes
            if not promise.kept(agreement([values[output]], [got])):
                return number
    return None


def described(network: NnbFile, number: int) -> str:
    """Returns a function in words.

    Args:
        network: The network.
        number: The number of the function.
    """
    function = network.functions[number]
    shapes: List[str] = [
        " x ".join(map(str, network.variables[n].shape)) for n in function.outputs[:1]
    ]
    return f"function {number}, {function.type_name} -> {shapes[0]}"


def _real(variable: NnbVariable, content: bytes) -> np.ndarray:
    if variable.type == "SIGN":
        bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
        return (2.0 * bits[: variable.size] - 1).astype(np.float32).reshape(variable.shape)
    stored = np.frombuffer(content, DTYPES[variable.type]).reshape(variable.shape)
    if variable.type == "FLOAT32":
        return stored
    return stored.astype(np.float32) * COEFFICIENTS[variable.fp_pos]
