# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small convolutional network, trained on some of the digits, with its data."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
from nnabla.utils.save import save

from nnabla_compress.data import TrainingBatches, load
from nnabla_compress.recipes.quick_data import DataOptions


def network(x):
    h = F.relu(PF.convolution(x, 8, (3, 3), name="conv"))
    h = F.max_pooling(F.relu(PF.convolution(h, 16, (3, 3), name="conv2")), (2, 2))
    return PF.affine(F.relu(PF.affine(h, 16, name="hidden")), 10, name="fc")


def digits(folder, splits=("train", "test"), labels=True):
    """Trains the network for a second and saves it with 400 training and 300 test samples."""
    data = load("digits")
    batches = TrainingBatches(data.train, 64, 1)
    nn.clear_parameters()
    x, t = nn.Variable((64, 1, 8, 8)), nn.Variable((64, 1))
    y = network(x)
    loss, solver = F.mean(F.softmax_cross_entropy(y, t)), S.Adam(0.003)
    solver.set_parameters(nn.get_parameters())
    for number in range(150):
        batch = batches.batch(number)
        x.d, t.d = batch.x, batch.y
        solver.zero_grad()
        loss.forward()
        loss.backward()
        solver.update()
    contents = {"name": "main", "batch_size": 64, "outputs": {"y": y}, "names": {"x": x}}
    save(str(folder / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    arrays = {}
    for split, count in (("train", 400), ("test", 300)):
        if split in splits:
            given = data.split(split)
            arrays[f"x_{split}"] = given.x[:count]
            if labels:
                arrays[f"y_{split}"] = given.y[:count]
    np.savez(folder / "data.npz", **arrays)
    return folder / "net.nnp", DataOptions(str(folder / "data.npz"))
