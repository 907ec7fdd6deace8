# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small network with data, and what NumPy makes of it."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.utils.save import save

from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.recipes.quick_data import DataOptions

LAYERS = ("a/affine", "b/affine", "c/affine")


def three_layers(folder):
    """Saves a network of three layers, 6 to 16 to 8 to 3, with data, and returns its recipe."""
    random = np.random.RandomState(0)
    nn.clear_parameters()
    nn.seed(313)
    x = nn.Variable((4, 6))
    h = F.relu(PF.affine(x, 16, name="a"))
    y = PF.affine(F.relu(PF.affine(h, 8, name="b")), 3, name="c")
    for variable in nn.get_parameters(grad_only=False).values():
        variable.d = random.randn(*variable.shape) * 0.5
    network = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(folder / "net.nnp"), {"networks": [network], "executors": []})
    weights = {path: v.d.copy() for path, v in nn.get_parameters(grad_only=False).items()}
    nn.clear_parameters()
    data = random.randn(40, 6).astype(np.float32)
    labels = outputs_of(weights, data).argmax(axis=1)
    labels[::5] = random.randint(0, 3, 8)
    np.savez(folder / "data.npz", x_train=data, y_train=labels, x_test=data, y_test=labels)
    recipe = network_recipe(folder / "net.nnp", DataOptions(str(folder / "data.npz")))
    return recipe, weights, data, labels


def outputs_of(weights, data):
    """What the network makes of data."""
    h = data.astype(np.float64)
    for name in LAYERS:
        h = h @ weights[f"{name}/W"].astype(np.float64) + weights[f"{name}/b"]
        h = h if name == LAYERS[-1] else np.maximum(h, 0)
    return h


def loss_of(weights, data, labels):
    """Its mean cross entropy."""
    y = outputs_of(weights, data)
    y = y - y.max(axis=1, keepdims=True)
    chosen = y[np.arange(len(y)), labels]
    return float(np.mean(np.log(np.exp(y).sum(axis=1)) - chosen))
