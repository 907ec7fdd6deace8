# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes: the YAML description of one compression run, checked key by key.

A recipe that names an unknown key, an unknown choice or a number out of range is refused with the
place, what was given and the nearest name. :data:`EXAMPLE` is a complete recipe.
"""

from __future__ import annotations

from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.recipes.data_parts import (
    AugmentationPart,
    DataPart,
    LossPart,
    ModelPart,
    PreprocessingPart,
)
from nnabla_compress.recipes.export import ExportPart
from nnabla_compress.recipes.recipe import EXAMPLE, Recipe, differences
from nnabla_compress.rules import QuantizerRule, choose_rules, quantizers

__all__ = [
    "EXAMPLE",
    "AugmentationPart",
    "CompressionPart",
    "DataPart",
    "ExportPart",
    "LossPart",
    "ModelPart",
    "PreprocessingPart",
    "QuantizerRule",
    "Recipe",
    "choose_rules",
    "differences",
    "quantizers",
]
