# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The text of a network says what its parameters are without looking at their numbers."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F

from nnabla_compress.exporters.nnp_members import network_text


def test_the_text_of_a_network_asks_for_no_values_of_parameters():
    x, weight = nn.Variable((1, 2**20)), nn.Variable((2**20, 2**20))  # four terabytes
    y = F.affine(x, weight)
    network = {"name": "n", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    executor = {"name": "e", "network": "n", "data": ["x"], "output": ["y"]}
    with nn.parameter_scope("", {}):
        nn.parameter.set_parameter("fc/W", weight)
        text = network_text({"networks": [network], "executors": [executor]}, True)
    assert 'name: "fc/W"\n    type: "Parameter"' in text
    assert text.count("dim: 1048576") >= 4
