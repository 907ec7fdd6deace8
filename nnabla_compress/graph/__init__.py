# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reading a network's graph (layers, costs) and rewriting it (insert, fold, replace)."""

from __future__ import annotations

from nnabla_compress.graph.activations import (
    Activation,
    activations,
    insert_activation_quantizers,
)
from nnabla_compress.graph.clone import clone, register_python_function
from nnabla_compress.graph.costs import NetworkCosts, costs
from nnabla_compress.graph.faithful import check_faithful
from nnabla_compress.graph.fold import fold_batch_normalization
from nnabla_compress.graph.fold_training import fold_for_training
from nnabla_compress.graph.insert import insert_weight_quantizers, remove_quantizers
from nnabla_compress.graph.layers import Layer, layers, parameter_names
from nnabla_compress.graph.places import places
from nnabla_compress.graph.rewrite import (
    consumers,
    functions,
    leaves,
    rebuild,
    with_batch_statistics,
)
from nnabla_compress.graph.start import start_quantizers

__all__ = [
    "Activation",
    "Layer",
    "NetworkCosts",
    "activations",
    "check_faithful",
    "clone",
    "consumers",
    "costs",
    "fold_batch_normalization",
    "fold_for_training",
    "functions",
    "insert_activation_quantizers",
    "insert_weight_quantizers",
    "layers",
    "leaves",
    "parameter_names",
    "places",
    "rebuild",
    "register_python_function",
    "remove_quantizers",
    "start_quantizers",
    "with_batch_statistics",
]
