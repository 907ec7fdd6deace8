# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes for tests, from the options of ``compress`` all in one row."""

from __future__ import annotations

from nnabla_compress.cli.data_options import taken
from nnabla_compress.recipes.quick import CompressionOptions, compression_recipe
from nnabla_compress.recipes.quick_data import DataOptions


def recipe_of(file, **options):
    """The recipe, and the folder where its relative paths start."""
    compression, data = taken(CompressionOptions, options), taken(DataOptions, options)
    return compression_recipe(file, compression, data, export=options)
