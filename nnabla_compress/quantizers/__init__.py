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
from nnabla_compress.quantizers.binary_connect import BinaryConnect
from nnabla_compress.quantizers.binary_weight import BinaryWeight
from nnabla_compress.quantizers.dorefa import DoReFa
from nnabla_compress.quantizers.fixed_point import FixedPoint
from nnabla_compress.quantizers.inq import INQ
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.linear_codes import LinearCodes
from nnabla_compress.quantizers.lut import LUT
from nnabla_compress.quantizers.min_max import MinMax
from nnabla_compress.quantizers.moving_range import MovingRange
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.pow2_quantize import Pow2Quantize
from nnabla_compress.quantizers.pq import PQ
from nnabla_compress.quantizers.prune import Prune
from nnabla_compress.quantizers.prune_rate import PruneRate
from nnabla_compress.quantizers.row_lut import RowLUT
from nnabla_compress.quantizers.uniform import Uniform
from nnabla_compress.quantizers.wrpn import WRPN

__all__ = [
    "Affine",
    "BinaryConnect",
    "BinaryWeight",
    "DoReFa",
    "FixedPoint",
    "INQ",
    "LUT",
    "LevelGrid",
    "LinearCodes",
    "MinMax",
    "MovingRange",
    "PQ",
    "Pow2",
    "Pow2Quantize",
    "Prune",
    "PruneRate",
    "Quantizer",
    "RowLUT",
    "Uniform",
    "WRPN",
    "graph_quantizers",
    "living_functions",
    "prepare",
    "quantizer_of",
    "registered",
]
