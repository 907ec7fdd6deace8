# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights as products of smaller ones: plain arrays in, plain arrays out, one kind a file."""

from __future__ import annotations

from nnabla_compress.decompositions.channel import channel, channel_weight
from nnabla_compress.decompositions.cp import Cp3, cp3, cp3_tensor
from nnabla_compress.decompositions.evbmf import Evbmf, evbmf
from nnabla_compress.decompositions.input_maps import input_maps, input_maps_weight
from nnabla_compress.decompositions.ranks import rank_of_energy, singular_values, tails
from nnabla_compress.decompositions.spatial import spatial, spatial_matrix, spatial_weight
from nnabla_compress.decompositions.truncated_svd import truncated_svd
from nnabla_compress.decompositions.tucker import Tucker2, mode_values, tucker2, tucker2_weight

__all__ = [
    "Cp3",
    "Evbmf",
    "Tucker2",
    "channel",
    "channel_weight",
    "cp3",
    "cp3_tensor",
    "evbmf",
    "input_maps",
    "input_maps_weight",
    "mode_values",
    "rank_of_energy",
    "singular_values",
    "spatial",
    "spatial_matrix",
    "spatial_weight",
    "tails",
    "truncated_svd",
    "tucker2",
    "tucker2_weight",
]
