# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Terms added to the loss; import as ``import nnabla_compress.regularizers as R``."""

from __future__ import annotations

from nnabla_compress.regularizers.memory import NetworkMemory, TensorMemory
from nnabla_compress.regularizers.memory_budget import MemoryBudget, memory_budget
from nnabla_compress.regularizers.sine_penalty import sine_penalty
from nnabla_compress.regularizers.sinreq import sinreq
from nnabla_compress.regularizers.waveq import waveq
from nnabla_compress.sizes import parse_size, size_text

__all__ = [
    "MemoryBudget",
    "NetworkMemory",
    "TensorMemory",
    "memory_budget",
    "parse_size",
    "sine_penalty",
    "sinreq",
    "size_text",
    "waveq",
]
