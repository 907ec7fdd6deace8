# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.diagnosis.passes import fitting, passed
from nnabla_compress.graph.network import Network


def test_every_sample_is_seen_once_though_the_last_batch_is_filled_up():
    x = nn.Variable((1, 1))
    y = F.relu(x, inplace=True)
    given, left = [], []
    samples = np.arange(-50, 50, dtype=np.float32)[:, None]
    passed(
        Network({"x": x}, {"y": y}),
        {"x": samples},
        {y.parent: lambda values: given.extend(values.ravel().tolist())},
        {y: lambda values: left.extend(values.ravel().tolist())},
    )
    assert given == samples.ravel().tolist(), "a function in place has not changed it yet"
    assert left == np.maximum(samples, 0).ravel().tolist()


def test_as_many_samples_are_taken_as_their_maps_have_room():
    x = nn.Variable((2, 10))
    network = Network({"x": x}, {"y": F.relu(F.relu(x))})
    samples = {"x": np.zeros((9, 10), np.float32)}
    assert [len(fitting(network, samples, most)["x"]) for most in (1, 60, 10**6)] == [1, 3, 9]
