# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Calibration and post-training quantization: ranges, biases and roundings from a few samples."""

from __future__ import annotations

from nnabla_compress.calibration.bias_correction import correct_biases
from nnabla_compress.calibration.cross_layer_equalization import equalize
from nnabla_compress.calibration.learned_rounding import RoundingSettings
from nnabla_compress.calibration.methods import METHODS
from nnabla_compress.calibration.observe import observe
from nnabla_compress.calibration.ptq import PostTraining, post_training_quantize
from nnabla_compress.calibration.round_layers import learn_roundings
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.calibration.steps import Step

__all__ = [
    "METHODS",
    "PostTraining",
    "PostTrainingSettings",
    "RoundingSettings",
    "Statistics",
    "Step",
    "correct_biases",
    "equalize",
    "learn_roundings",
    "observe",
    "post_training_quantize",
]
