# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress import memory
from nnabla_compress.lowering.inference import inference_network
from nnabla_compress.targets import ExportOptions, target_named


@pytest.mark.parametrize("prefer", ["flash", "ram", "both"])
@pytest.mark.parametrize("storage", ["smallest", "float", "int8"])
def test_nobody_looks_at_the_values_of_large_weights(prefer, storage, monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 0)
    x = nn.Variable((1, 2, 6, 6))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), apply_w=Q.LUT(bits=4), name="conv")
    h = PF.affine(F.relu(h), 30, apply_w=Q.Affine(bits=8), name="wide")
    y = PF.affine(F.relu(h), 3, apply_w=Q.Affine(bits=4), name="fc")
    y.forward()
    network = inference_network({"x": x}, {"y": y}, 1)
    options = ExportOptions(storage, False, {}, prefer)
    lowered = target_named("portable").lower(network, network.all_outputs, options)
    assert len(lowered.plain.later) == 3
    assert [data.modification_count for data in lowered.plain.later] == [0, 0, 0]
    assert set(lowered.plain.later) <= set(lowered.deferred.codes)
