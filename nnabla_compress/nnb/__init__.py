# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNB, the file format of the C runtime: reading, writing, and where the bytes go."""

from __future__ import annotations

from nnabla_compress.nnb.inputs import stored_input
from nnabla_compress.nnb.network import NnbFile, NnbFunction, NnbVariable, real, values
from nnabla_compress.nnb.reader import read_nnb
from nnabla_compress.nnb.sizes import NnbSizes, sizes
from nnabla_compress.nnb.writer import to_bytes, write_nnb

__all__ = [
    "NnbFile",
    "NnbFunction",
    "NnbSizes",
    "NnbVariable",
    "read_nnb",
    "real",
    "sizes",
    "stored_input",
    "to_bytes",
    "values",
    "write_nnb",
]
