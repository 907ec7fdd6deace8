# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.training.terms.attention_transfer import (
    AttentionTransferOptions,
    attention,
    attention_loss,
)


def variable(values):
    return nn.Variable.from_numpy_array(np.asarray(values, np.float32))


def of_energies(*energies):
    """One sample of one channel whose squares are these."""
    return variable(np.sqrt(np.array(energies, np.float64))[np.newaxis, np.newaxis])


def computed(y):
    y.forward()
    return np.array(y.d)


def test_the_loss_is_that_of_the_authors_code():
    # a_s = (1, 2, 3, 4) / sqrt(30), a_t = (2, 1, 3, 5) / sqrt(39)
    student, teacher = of_energies(1, 2, 3, 4), of_energies(2, 1, 3, 5)
    assert float(computed(attention_loss(student, teacher))) == pytest.approx(0.01761809, rel=1e-5)
    apart = computed(attention(student)) - computed(attention(teacher))
    assert np.linalg.norm(apart) == pytest.approx(0.265466, rel=1e-5)  # the paper's form


def test_attention_is_the_mean_square_of_the_channels_of_norm_1(rng):
    x = rng.randn(3, 5, 4, 2).astype(np.float32)
    energy = (x.astype(np.float64) ** 2).mean(axis=1).reshape(3, -1)
    expected = energy / np.linalg.norm(energy, axis=1, keepdims=True)
    np.testing.assert_allclose(computed(attention(variable(x))), expected, rtol=1e-5)


def test_networks_of_other_widths_have_the_same_attention_where_channels_are_copies(rng):
    x = rng.randn(2, 3, 4, 4).astype(np.float32)
    loss = attention_loss(variable(x), variable(np.concatenate([x, x], 1)))
    assert float(computed(loss)) == pytest.approx(0, abs=1e-12)


def test_a_map_of_zeros_has_no_attention_and_no_gradient():
    x = variable(np.zeros((2, 3, 4))).apply(need_grad=True)
    x.grad.zero()
    loss = attention_loss(x, variable(np.ones((2, 3, 4))))
    assert float(computed(loss)) == pytest.approx(0.25)
    loss.backward()
    assert not x.g.any()


def test_maps_without_positions_are_refused():
    x = nn.Variable((1, 4))
    y = x * 2
    options = AttentionTransferOptions(maps=["input/mulscalar"])
    with pytest.raises(ConfigError, match="have a single position"):
        options.foresee_teacher(Network({"x": x}, {"y": y}), {"y": y})


def test_the_weight_is_that_of_the_authors():
    assert AttentionTransferOptions(maps=["a"]).weight == 1000
    with pytest.raises(ConfigError, match="attention_transfer: weight is -1"):
        AttentionTransferOptions.checked({"maps": ["a"], "weight": -1})
