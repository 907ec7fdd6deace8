# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a board and the simulator owe each other, told from the file and the kernels."""

from __future__ import annotations

from nnabla_compress.device.firmware import FAST
from nnabla_compress.exporters.tolerance import ANOTHER_ORDER, OTHER_LIBRARY
from nnabla_compress.nnb import NnbFile
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
    if kernels != FAST and not any(f.type_name in _LIBRARY for f in network.functions):
        return BITS
    rounds = any(function.type_name == "Round" for function in network.functions) or any(
        network.variables[number].type != "FLOAT32"
        for function in network.functions
        for number in function.outputs
    )
    if rounds:
        return SINGLE_STEPS
    return within(ANOTHER_ORDER if kernels == FAST else OTHER_LIBRARY)
