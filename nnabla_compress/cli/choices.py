# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The words that options take, known without loading what they stand for.

Help would else have to import NNabla to tell them. The tests compare them with the library's own.
"""

from __future__ import annotations

AUTO = "auto"
SMALLEST, FLOAT = "smallest", "float"

# nnabla_compress.targets.TARGETS
TARGETS = ("portable", "integer", "int16", "int8", "binary-weight", "callback", "callback-int8")
# nnabla_compress.device.firmware.MODES
KERNELS = ("stock", "exact", "fast")
# nnabla_compress.lowering.storage.SCHEMES
SCHEMES = (
    "int8",
    "packed",
    "sign_planes",
    "bit_matrix",
    "dictionary_planes",
    "pow2_planes",
    "one_hot",
)
# nnabla_compress.lowering.weigh.PREFERENCES
PREFERENCES = ("flash", "ram", "both")
# nnabla_compress.exporters.console_project.STORAGES
PROJECTS = ("float", "int8")
# nnabla_compress.runs.exit_files.PREFIXES and STAGES
EXITS = ("prefixes", "stages")
# nnabla_compress.calibration.methods.METHODS
CALIBRATIONS = ("min_max", "moving_average", "percentile", "mse", "kl")
# nnabla_compress.calibration.settings.JUDGES
JUDGES = ("snr", "kl")
# nnabla_compress.analysis.feature_maps.MAPS
MAPS = ("activations", "stored")
# nnabla_compress.transforms.convert.CONVERSIONS
CONVERSIONS = ("lut", "uniform", "affine")
# nnabla_compress.search.choices.MEASURES
MEASURES = ("snr", "loss", "accuracy")
# nnabla_compress.transforms.factors.FORMS
FACTORIZATIONS = ("channel", "cpd3", "spatial", "svd", "svd_convolution", "tucker")
# nnabla_compress.data.SOURCES
SOURCES = (
    *("cifar10", "csv", "digits", "first_marker", "graph", "mnist", "npz", "python"),
    "two_classes",
)
# nnabla_compress.recipes.recipe.MOST_SEED
MOST_SEED = 2**32 - 1
# nnabla_compress.importances.importances
IMPORTANCES = (
    "apoz",
    "bn_gamma",
    "chip",
    "fpgm",
    "hessian",
    "hrank",
    "l1",
    "l1_times_next",
    "l2",
    "mean_activation",
    "random",
    "reconstruction",
    "snip",
    "taylor",
)
