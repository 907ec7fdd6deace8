# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embeddings of the items of a graph: trained (PinSage), computed for all, stored small."""

from __future__ import annotations

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.neighbourhoods import Neighbourhoods, Walks, neighbourhoods

__all__ = ["Adjacency", "Neighbourhoods", "Walks", "neighbourhoods"]
