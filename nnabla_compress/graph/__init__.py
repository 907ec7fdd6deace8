# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Walking a graph, copying and rebuilding it, comparing two of them."""

from __future__ import annotations

from nnabla_compress.graph.clone import clone, register_python_function
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import (
    consumers,
    functions,
    leaves,
    rebuild,
    with_batch_statistics,
)

__all__ = [
    "Network",
    "clone",
    "consumers",
    "functions",
    "leaves",
    "rebuild",
    "register_python_function",
    "with_batch_statistics",
]
