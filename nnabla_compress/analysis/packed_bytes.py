# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bytes that the weights of a network take when they are packed."""

from __future__ import annotations

from typing import Sequence

import nnabla as nn

from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.regularizers.memory import NetworkMemory


def packed_weight_bytes(outputs: Sequence[nn.Variable]) -> float:
    """Returns the bytes of all weights and biases: codes with their tables, floats as they are.

    Args:
        outputs: Variables of one graph whose quantizers have started.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT, prepare
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 64)), 4, apply_w=LUT(bits=2), name="fc")
        >>> prepare([y])
        >>> packed_weight_bytes([y])  # 64 codes, a dictionary of 4 floats, 4 biases
        96.0
    """
    total = 0.0
    for tensor in NetworkMemory.of(outputs).weights:
        quantizer = None if tensor.function is None else quantizer_of(tensor.function)
        total += tensor.bytes if quantizer is None else quantizer.encode(tensor.function).nbytes
    return total
