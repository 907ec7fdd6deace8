# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Packed weights take their bits, their tables, and what a float file holds beside its weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.benchmarks.measure_callback_sizes import measure


@pytest.mark.parametrize("bits", [4, 2])
def test_the_trained_resnet_takes_what_its_bits_say(bits):
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    path = Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / "resnet20_cifar10.nnp"
    found = measure(path, bits)
    assert found["over_least_with_scales"] <= 1.03
    assert found["buffer_bytes"] == found["float_buffer_bytes"]
    if bits == 4:
        assert found["over_least"] <= 1.03
