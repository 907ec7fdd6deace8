# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a stored network ends in: its own loss, that of another network of the file, or neither."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.models import NnpFile
from nnabla_compress.models.heads import (
    activated,
    before_activation,
    data_inputs,
    stored_head,
    stored_loss,
    without_loss,
)


def write(path, **networks):
    """Writes an .nnp of networks given as (output, inputs by name)."""
    listed = [
        {"name": name, "batch_size": 2, "outputs": {"out": output}, "names": names}
        for name, (output, names) in networks.items()
    ]
    save(str(path), {"networks": listed, "executors": []})
    nn.clear_parameters()
    return NnpFile(path)


@pytest.fixture
def x():
    return nn.Variable((2, 5))


def logits(x):
    return PF.affine(x, 3, name="fc")


@pytest.mark.parametrize(
    "activation, loss, expected",
    [
        (F.softmax, F.categorical_cross_entropy, ("Softmax", "CategoricalCrossEntropy", False)),
        (F.sigmoid, F.binary_cross_entropy, ("Sigmoid", "BinaryCrossEntropy", False)),
        (F.sigmoid, F.squared_error, ("Sigmoid", "SquaredError", False)),
        (F.tanh, F.absolute_error, (None, "AbsoluteError", False)),
    ],
)
def test_the_loss_of_the_training_network_is_found(tmp_path, x, activation, loss, expected):
    y = activation(logits(x))
    target = nn.Variable((2, 1) if expected[1].startswith("Cat") else (2, 3))
    total = F.mean(loss(y, target)) * 0.5
    names = {"x": x, "t": target, "y": y}
    file = write(tmp_path / "a.nnp", Main=(total, names), Runtime=(y, {"x": x, "out": y}))
    head = file.head("Main")
    assert (head.activation, head.loss, head.before_activation) == expected
    assert head.target == "t" and list(file.data_shapes("Main")) == ["x"]
    prediction = without_loss(file.build("Main").output)
    assert prediction.shape == (2, 3)


def test_the_runtime_network_takes_the_loss_of_the_network_that_trains_it(tmp_path, x):
    h = logits(x)
    y, target = F.softmax(h), nn.Variable((2, 1))
    names = {"x": x, "t": target, "h": h, "y": y}
    file = write(
        tmp_path / "a.nnp",
        Main=(F.mean(F.softmax_cross_entropy(h, target)), names),
        Runtime=(y, {"x": x, "h": h}),
    )
    head = file.head("Runtime")
    assert (head.activation, head.loss, head.before_activation) == (
        "Softmax", "SoftmaxCrossEntropy", True,
    )  # fmt: skip


def test_the_arguments_of_a_loss_are_kept_and_a_swapped_target_is_seen(tmp_path, x):
    y, target = logits(x), nn.Variable((2, 3))
    loss = F.huber_loss(target, y, delta=0.25)
    head = write(tmp_path / "a.nnp", Main=(loss, {"x": x, "t": target})).head()
    assert (head.loss, head.arguments["delta"], head.target) == ("HuberLoss", 0.25, "t")


def test_an_autoencoder_compares_with_its_own_input(tmp_path, x):
    y = PF.affine(F.relu(logits(x)), 5, name="out")
    file = write(tmp_path / "a.nnp", Main=(F.squared_error(y, x), {"x": x}))
    assert file.head().target == "x" and file.data_shapes() == {"x": (5,)}
    z = file(nn.Variable((7, 5)), test=True)
    assert z.shape == (7, 5) and z.parent.info.type_name == "Affine"


def test_a_network_without_a_loss_has_none(tmp_path, x):
    file = write(tmp_path / "a.nnp", net=(logits(x), {"x": x}))
    assert file.head().loss is None and file.head().activation is None
    total = F.mean(logits(x)) + F.mean(F.squared_error(logits(x), x[:, :3]))
    assert write(tmp_path / "b.nnp", net=(total, {"x": x})).head().loss is None


def test_an_activation_is_put_back_behind_a_rewritten_graph(rng, x):
    y = F.softmax(logits(x), axis=1)
    inside = before_activation(y)
    assert inside.parent.info.type_name == "Affine" and without_loss(y) == y
    again = activated(inside * 2, y)
    x.d = rng.randn(2, 5)
    again.forward()
    inside.forward()
    e = np.exp(2 * inside.d)
    np.testing.assert_allclose(again.d, e / e.sum(1, keepdims=True), rtol=1e-5)
    assert activated(inside, inside) == inside


def test_a_circle_of_functions_ends():
    class Function:
        type, inputs, outputs, args = "Mean", ["a"], ["a"], None

    class Network:
        inputs, outputs, functions = ["x"], ["a"], {"f": Function()}

    assert stored_loss(Network()) is None and stored_head(Network()).loss is None
    assert data_inputs(Network()) == ["x"]
    Function.inputs = []
    assert stored_head(Network()).activation is None
    Function.type = "Softmax"
    assert stored_head(Network()).activation is None
