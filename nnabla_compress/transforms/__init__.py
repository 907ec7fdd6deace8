# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Network in, network out: quantizers put in, normalizations folded, functions written out."""

from __future__ import annotations

from nnabla_compress.transforms.add_exits import AddExits, add_exits
from nnabla_compress.transforms.convert import Convert
from nnabla_compress.transforms.factorize import Factorize
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.fold import fold_batch_normalization
from nnabla_compress.transforms.fold_normalizations import Fold
from nnabla_compress.transforms.fold_training import fold_for_training
from nnabla_compress.transforms.insert_map_quantizers import (
    insert_activation_quantizers,
    insert_map_quantizers,
)
from nnabla_compress.transforms.insert_weights import insert_weight_quantizers, remove_quantizers
from nnabla_compress.transforms.normalize_neurons import NormalizeNeurons
from nnabla_compress.transforms.pow2_normalizations import Pow2Normalizations
from nnabla_compress.transforms.prune_channels import PruneChannels
from nnabla_compress.transforms.prune_weights import PruneWeights
from nnabla_compress.transforms.quantize import Quantize
from nnabla_compress.transforms.remove_channels import (
    RemoveChannels,
    costs_after,
    remove_channels,
)
from nnabla_compress.transforms.shrink import Shrink, shrink
from nnabla_compress.transforms.start import start_quantizers
from nnabla_compress.transforms.transform import (
    Transform,
    register_transform,
    transform_named,
    transforms,
)
from nnabla_compress.transforms.widen import Widen, widen

__all__ = [
    "AddExits",
    "Convert",
    "Factorize",
    "Fold",
    "NormalizeNeurons",
    "Pow2Normalizations",
    "PruneChannels",
    "PruneWeights",
    "Quantize",
    "RemoveChannels",
    "Shrink",
    "Transform",
    "Widen",
    "add_exits",
    "check_faithful",
    "costs_after",
    "fold_batch_normalization",
    "fold_for_training",
    "insert_activation_quantizers",
    "insert_map_quantizers",
    "insert_weight_quantizers",
    "register_transform",
    "remove_channels",
    "remove_quantizers",
    "shrink",
    "start_quantizers",
    "transform_named",
    "transforms",
    "widen",
]
