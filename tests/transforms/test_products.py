# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Products with a stored matrix become layers that compute the same."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.graph import functions
from nnabla_compress.transforms.products import products_as_layers
from tests.graph.networks import forward, values
from tests.models.others import gemm, parameter


def types(output):
    return [function.info.type_name for function in functions([output])]


def as_layers(y, kept=None):
    (z,), found = products_as_layers([y], nn.get_parameters(grad_only=False), kept or {})
    return z, found


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_fully_connected_layer_of_onnx_is_one_affine(transposed, rows):
    x = nn.Variable.from_numpy_array(values(rows, 6))
    y = gemm(x, "fc", 4, transposed)
    z, found = as_layers(y)
    assert types(z) == ["Affine"]
    np.testing.assert_allclose(forward(z), forward(y), atol=1e-6)
    (layer,) = layers([z], found)
    assert (layer.name, layer.shape, layer.bias.shape) == ("fc.weight", (6, 4), (4,))


def test_a_map_in_front_is_read_without_its_reshape_and_the_batch_stays_open():
    x = nn.Variable.from_numpy_array(values(2, 3, 2, 2))
    y = gemm(F.reshape(F.relu(x), (2, 12), inplace=False), "fc", 4, True)
    z, _ = as_layers(y)
    assert types(z) == ["ReLU", "Affine"] and z.shape == (2, 4)
    np.testing.assert_allclose(forward(z), forward(y), atol=1e-6)


def test_without_a_bias_only_the_product_becomes_a_layer():
    x = nn.Variable.from_numpy_array(values(2, 5, 6))
    y = F.tanh(F.batch_matmul(x, F.broadcast(parameter("w", 1, 6, 4), (1, 6, 4))))
    z, found = as_layers(y)
    assert types(z) == ["Affine", "Tanh"] and found["w"].shape == (6, 4)
    np.testing.assert_allclose(forward(z), forward(y), atol=1e-6)


def test_what_is_added_after_an_activation_is_no_bias():
    x = nn.Variable.from_numpy_array(values(1, 1, 6))
    y = F.relu(F.batch_matmul(x, parameter("w", 1, 6, 4))) + parameter("c", 1, 1, 4)
    z, _ = as_layers(y)
    assert types(z) == ["Affine", "ReLU", "Add2"]
    np.testing.assert_allclose(forward(z), forward(y), atol=1e-6)


def test_a_product_that_is_read_twice_keeps_what_is_added_apart():
    x = nn.Variable.from_numpy_array(values(1, 1, 6))
    h = F.batch_matmul(x, parameter("w", 1, 6, 4))
    y = (h + parameter("b", 1, 1, 4)) * h
    z, _ = as_layers(y)
    assert types(z) == ["Affine", "Add2", "Mul2"]
    np.testing.assert_allclose(forward(z), forward(y), atol=1e-6)


@pytest.mark.parametrize("kind", ["shared", "computed", "several", "transposed input"])
def test_other_products_stay(kind):
    x = nn.Variable.from_numpy_array(values(2, 6, 6))
    w = parameter("w", 1, 6, 6)
    if kind == "shared":
        y = F.batch_matmul(F.batch_matmul(x, F.broadcast(w, (2, 6, 6))), F.broadcast(w, (2, 6, 6)))
    elif kind == "computed":
        y = F.batch_matmul(x, F.tanh(x))
    elif kind == "several":
        y = F.batch_matmul(x, parameter("v", 2, 6, 6))
    else:
        y = F.batch_matmul(x, F.broadcast(w, (2, 6, 6)), transpose_a=True)
    z, found = as_layers(y)
    assert "Affine" not in types(z) and found["w"].shape == (1, 6, 6)
    np.testing.assert_array_equal(forward(z), forward(y))


def test_all_graphs_of_a_network_share_the_weights():
    x = nn.Variable.from_numpy_array(values(1, 6))
    y, kept = gemm(x, "fc", 4, True), {}
    parameters = nn.get_parameters(grad_only=False)
    (first,), _ = products_as_layers([y], parameters, kept)
    (second,), _ = products_as_layers([y], parameters, kept)
    kept["fc.weight"].d = 0
    np.testing.assert_array_equal(forward(first), forward(second))
