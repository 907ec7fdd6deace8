# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets: one file a source, checked arrays, and batches that depend on a counter only.

A source is found by name (:func:`load`), gives a :class:`DataSet` of splits, and is fed to a
network by :class:`TrainingBatches` and :func:`evaluation_batches`.
"""

from __future__ import annotations

from nnabla_compress.data.augmentation import AUGMENTATIONS, augmentation, pad_crop_flip
from nnabla_compress.data.batches import Batch, TrainingBatches, evaluation_batches
from nnabla_compress.data.paths import resolve_path
from nnabla_compress.data.preprocessing import Preprocessing
from nnabla_compress.data.registry import SOURCES, load
from nnabla_compress.data.splits import DataSet, Split, hold_out
from nnabla_compress.data.wanted import Wanted
from nnabla_compress.node_graph import NodeGraph

__all__ = [
    "AUGMENTATIONS",
    "SOURCES",
    "Batch",
    "DataSet",
    "NodeGraph",
    "Preprocessing",
    "Split",
    "TrainingBatches",
    "Wanted",
    "augmentation",
    "evaluation_batches",
    "hold_out",
    "load",
    "pad_crop_flip",
    "resolve_path",
]
