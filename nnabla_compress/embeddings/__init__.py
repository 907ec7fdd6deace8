# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embeddings of the items of a graph: trained (PinSage), computed for all, stored small."""

from __future__ import annotations

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.code_search import CodeSearch
from nnabla_compress.embeddings.compressed import TableTraining, compress_table
from nnabla_compress.embeddings.inference import embed_all
from nnabla_compress.embeddings.neighbourhoods import Neighbourhoods, Walks, neighbourhoods
from nnabla_compress.embeddings.pairs import Pairs, linked_pairs, split_pairs, without
from nnabla_compress.embeddings.pinsage import PinSage, max_margin, pooling_start
from nnabla_compress.embeddings.scores import nearest, of_pairs, precision, recall
from nnabla_compress.embeddings.table_files import load_table, save_device_table, save_table
from nnabla_compress.embeddings.training import PairTraining, Trained, train

__all__ = [
    "Adjacency",
    "CodeSearch",
    "Neighbourhoods",
    "PairTraining",
    "Pairs",
    "PinSage",
    "TableTraining",
    "Trained",
    "Walks",
    "compress_table",
    "embed_all",
    "linked_pairs",
    "load_table",
    "max_margin",
    "nearest",
    "neighbourhoods",
    "of_pairs",
    "pooling_start",
    "precision",
    "recall",
    "save_device_table",
    "save_table",
    "split_pairs",
    "train",
    "without",
]
