# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a board and the simulator owe each other, told from the file and the kernels."""

from __future__ import annotations

from nnabla_compress.device.firmware import FAST
from nnabla_compress.exporters.tolerance import ANOTHER_ORDER, OTHER_LIBRARY
from nnabla_compress.function_types import FUNCTION_TYPES
from nnabla_compress.nnb import NnbFile, NnbFunction
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.verification.report import BITS, SINGLE_STEPS, Promise, within

# What the C library computes, each one in its own way.
_LIBRARY = (
    *("Softmax", "Sigmoid", "Tanh", "Swish", "ELU", "SELU", "CELU", "Exp", "Log"),
    *("Pow2", "PowScalar", "RPowScalar"),
)


def promise_of(network: NnbFile, kernels: str) -> Promise:
    """Returns what a board owes the simulator.

    Bit for bit, but for sums in any order, functions of the C library, and what rounds behind
    either of them.

    Args:
        network: The file.
        kernels: One of :data:`~nnabla_compress.device.firmware.MODES`.
    """
    any_order = kernels == FAST and any(_sums_floats(network, f) for f in network.functions)
    if not any_order and not any(f.type_name in _LIBRARY for f in network.functions):
        return BITS
    rounds = any(function.type_name == "Round" for function in network.functions) or any(
        network.variables[number].type != "FLOAT32"
        for function in network.functions
        for number in function.outputs
    )
    if rounds:
        return SINGLE_STEPS
    return within(ANOTHER_ORDER if any_order else OTHER_LIBRARY)


def _sums_floats(network: NnbFile, function: NnbFunction) -> bool:
    """Whether a function is a layer of the fast kernels, which add floats in any order."""
    packed = (function.id, function.implement) in PACKED_CALLBACKS
    packed = packed and not FUNCTION_TYPES[function.type_name].looks_up
    return packed and network.variables[function.inputs[0]].type == "FLOAT32"
