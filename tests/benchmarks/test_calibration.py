# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What calibration costs beside the bare forward pass over the same samples."""

from __future__ import annotations

import nnabla as nn
import numpy as np

import nnabla_compress.models as models
from nnabla_compress.analysis import stored_maps
from nnabla_compress.calibration import observe
from nnabla_compress.graph import with_batch_statistics
from nnabla_compress.transforms import fold_batch_normalization

IMAGES, MOST = 512, 1.3


def test_calibrating_resnet20_on_512_images_costs_1_3_times_the_forward_pass_at_most(
    benchmark, compare, report, rng
):
    x = nn.Variable((1, 3, 32, 32))
    y = models.build("resnet20", x, 10, test=True)
    outputs = fold_batch_normalization(with_batch_statistics([y], False))
    samples = [rng.randn(IMAGES, 3, 32, 32).astype(np.float32)]
    tensors = {found.variable: found.name for found in stored_maps(outputs, [x])}
    assert len(tensors) == 30

    def calibrate():
        return observe(outputs, [x], samples, tensors)

    def forward():
        return observe(outputs, [x], samples, {})

    ratio = compare(calibrate, forward, 5)
    benchmark.pedantic(calibrate, rounds=1)
    report(f"ResNet-20, {IMAGES} images, {len(tensors)} tensors", "calibration", "forward", ratio)
    assert ratio.best <= MOST
