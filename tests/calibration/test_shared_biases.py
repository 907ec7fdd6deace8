# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A bias that several layers read belongs to none of them alone."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.calibration.bias_correction import correct_biases
from nnabla_compress.calibration.learned_rounding import RoundingSettings
from nnabla_compress.calibration.round_layers import learn_roundings
from nnabla_compress.graph.replay import Replay
from nnabla_compress.quantizers import Affine, prepare
from nnabla_compress.transforms import insert_weight_quantizers
from tests.graph.tied_networks import SIZE, parameter

SAMPLES = [np.random.RandomState(0).randn(64, SIZE).astype(np.float32)]


def network(shared):
    x = nn.Variable((1, SIZE))
    h = F.relu(F.affine(x, parameter("a/W", SIZE, SIZE), parameter("a/b", SIZE)))
    bias = parameter("a/b" if shared else "c/b", SIZE)
    y = F.affine(h, parameter("c/W", SIZE, SIZE), bias)
    quantized = insert_weight_quantizers([y], lambda layer: Affine(bits=3))
    prepare(quantized)
    return x, [y], quantized


@pytest.mark.parametrize("shared, corrected", [(True, 0), (False, 2)])
def test_only_biases_of_one_layer_are_corrected(shared, corrected):
    x, plain, quantized = network(shared)
    before = nn.get_parameters()["a/b"].d.copy()
    assert correct_biases(quantized, [x], plain, [x], SAMPLES) == corrected
    assert np.array_equal(nn.get_parameters()["a/b"].d, before) == shared


@pytest.mark.parametrize("shared", [True, False])
def test_layers_with_a_shared_bias_stay_at_nearest_rounding(shared):
    x, plain, quantized = network(shared)
    settings = RoundingSettings(steps=5)
    learned, left = learn_roundings(quantized, [x], plain, [x], SAMPLES, settings)
    assert (left if shared else learned) == [layer.name for layer in layers(quantized)]


def test_layers_without_a_bias_are_not_run_for_it(monkeypatch):
    x = nn.Variable((1, SIZE))
    h = F.relu(F.affine(x, parameter("a/W", SIZE, SIZE), parameter("a/b", SIZE)))
    y = F.affine(h, parameter("c/W", SIZE, SIZE))
    quantized = insert_weight_quantizers([y], lambda layer: Affine(bits=3))
    prepare(quantized)
    seen = []
    run_through = Replay.run_through
    monkeypatch.setattr(
        Replay,
        "run_through",
        lambda self, function=None: seen.append(function) or run_through(self, function),
    )
    assert correct_biases(quantized, [x], [y], [x], SAMPLES) == 1
    assert {function.inputs[0].name for function in seen} == {x.name} and len(seen) == 2
