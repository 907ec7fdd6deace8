# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How quantized weights are stored in a network of native functions: one scheme a file."""

from __future__ import annotations

from nnabla_compress.lowering.storage.choose import (
    FLOAT,
    SCHEMES,
    SMALLEST,
    StorageChoices,
    check_storage,
    choices,
    choose,
    store_integers,
    store_tensor,
)
from nnabla_compress.lowering.storage.coded import CodedTensor, coded_tensor, common_scale
from nnabla_compress.lowering.storage.scheme import Scheme, Stored, weight_path
from nnabla_compress.lowering.storage.snap import Snapped, snap_dictionary

__all__ = [
    "StorageChoices",
    "FLOAT",
    "SCHEMES",
    "SMALLEST",
    "CodedTensor",
    "Scheme",
    "Snapped",
    "Stored",
    "check_storage",
    "choices",
    "choose",
    "coded_tensor",
    "common_scale",
    "snap_dictionary",
    "store_integers",
    "store_tensor",
    "weight_path",
]
