# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The multi-layer perceptron: names, values, refusals."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import mlp


def test_parameters_have_their_names_and_shapes():
    assert mlp(nn.Variable((2, 1, 8, 8)), 10, hidden=[16, 8]).shape == (2, 10)
    shapes = {name: value.shape for name, value in nn.get_parameters().items()}
    assert shapes == {
        "fc1/affine/W": (64, 16), "fc1/affine/b": (16,),
        "fc2/affine/W": (16, 8), "fc2/affine/b": (8,),
        "fc3/affine/W": (8, 10), "fc3/affine/b": (10,),
    }  # fmt: skip


def test_values_are_affine_layers_with_relu_between():
    x = nn.Variable((3, 5))
    y = mlp(x, 2, hidden=[4])
    x.d = np.random.RandomState(0).randn(3, 5)
    y.forward()
    p = {name: value.d.astype(np.float64) for name, value in nn.get_parameters().items()}
    hidden = np.maximum(x.d @ p["fc1/affine/W"] + p["fc1/affine/b"], 0)
    np.testing.assert_allclose(y.d, hidden @ p["fc2/affine/W"] + p["fc2/affine/b"], atol=1e-5)


def test_no_hidden_layer_is_a_linear_classifier():
    mlp(nn.Variable((2, 5)), 3, hidden=[])
    assert list(nn.get_parameters()) == ["fc1/affine/W", "fc1/affine/b"]


def test_batch_normalization_uses_running_statistics_only_in_test():
    flags = {}
    for test in (False, True):
        y = mlp(nn.Variable((2, 5)), 3, test=test, hidden=[4], batch_norm=True)
        y.visit(lambda f, test=test: flags.update({test: f.info.args["batch_stat"]})
                if f.info.type_name == "BatchNormalization" else None)  # fmt: skip
    assert flags == {False: True, True: False}
    assert "bn1/bn/gamma" in nn.get_parameters() and "fc1/affine/b" not in nn.get_parameters()


@pytest.mark.parametrize("hidden", [[0], [1.5], 16, "16", [True]])
def test_widths_without_meaning_are_refused(hidden):
    with pytest.raises(ConfigError, match="hidden"):
        mlp(nn.Variable((2, 5)), 3, hidden=hidden)
