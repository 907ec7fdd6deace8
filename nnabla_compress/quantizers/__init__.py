# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers: one file a method; import as ``import nnabla_compress.quantizers as Q``."""

from __future__ import annotations

from nnabla_compress.quantizers.affine import Affine
from nnabla_compress.quantizers.base import (
    Quantizer,
    graph_quantizers,
    living_functions,
    prepare,
    quantizer_of,
    registered,
)
from nnabla_compress.quantizers.dorefa import DoReFa
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.lut import LUT
from nnabla_compress.quantizers.moving_range import MovingRange
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.prune import Prune
from nnabla_compress.quantizers.uniform import Uniform
from nnabla_compress.quantizers.wrpn import WRPN

__all__ = [
    "Affine",
    "DoReFa",
    "LUT",
    "LevelGrid",
    "MovingRange",
    "Pow2",
    "Prune",
    "Quantizer",
    "Uniform",
    "WRPN",
    "graph_quantizers",
    "living_functions",
    "prepare",
    "quantizer_of",
    "registered",
]
