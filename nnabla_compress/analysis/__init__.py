# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network is and what it takes: layers, feature maps, costs, exactness; changes nothing."""

from __future__ import annotations

from nnabla_compress.analysis.costs import NetworkCosts, costs
from nnabla_compress.analysis.couplings import Couplings, Group, Member, couplings
from nnabla_compress.analysis.feature_maps import FeatureMap, activations, stored_maps
from nnabla_compress.analysis.layers import Layer, layers, parameter_names
from nnabla_compress.analysis.neurons import Neurons, neurons, unit_axes
from nnabla_compress.analysis.places import places
from nnabla_compress.analysis.reach import Reach, reach

__all__ = [
    "Couplings",
    "FeatureMap",
    "Group",
    "Layer",
    "Member",
    "NetworkCosts",
    "Neurons",
    "Reach",
    "activations",
    "costs",
    "couplings",
    "layers",
    "neurons",
    "parameter_names",
    "places",
    "reach",
    "stored_maps",
    "unit_axes",
]
