# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The losses of sections, value for value."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.section_losses import (
    SECTION_LOSSES,
    OwnLoss,
    check_section_loss,
    section_loss,
)

S = np.float32([[[1, -2], [0.5, 3]], [[0, 0], [1, 1]], [[2, 1], [-1, 0]]])
T = np.float32([[[0, -1], [1.5, 3]], [[1, 0], [0, 2]], [[2, 1], [-1, 0]]])


def log_softmax(values):
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


EXPECTED = {
    "mse": lambda s, t: np.square(s - t).reshape(3, -1).mean(1) / 4,
    "l1": lambda s, t: np.abs(s - t).reshape(3, -1).mean(1) / 2,
    "kl": lambda s, t: (np.exp(log_softmax(t)) * (log_softmax(t) - log_softmax(s))).sum(1).mean(1),
    "cross_entropy": lambda s, t: -(np.exp(log_softmax(t)) * log_softmax(s)).sum(1).mean(1),
}


@pytest.mark.parametrize("kind", SECTION_LOSSES)
def test_each_sample_has_the_loss_of_the_formula(kind):
    s, t = (nn.Variable.from_numpy_array(values) for values in (S, T))
    y = section_loss(kind, s, t, 4.0)
    y.forward()
    expected = EXPECTED[kind](S.astype(np.float64), T.astype(np.float64))
    np.testing.assert_allclose(y.d, expected[:, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["mse", "l1", "kl"])
def test_what_equals_its_teacher_has_no_loss(kind):
    s, t = (nn.Variable.from_numpy_array(T) for _ in range(2))
    y = section_loss(kind, s, t, 4.0)
    y.forward()
    assert not y.d.any()


def test_losses_on_channels_need_several():
    check_section_loss("kl", "a", (1, 2, 4, 4))
    check_section_loss("mse", "a", (1, 1, 4, 4))
    with pytest.raises(ConfigError, match="kl compares the channels of a map, a/relu has one"):
        check_section_loss("kl", "a/relu", (1, 1, 4, 4))


def test_a_network_that_gives_its_own_loss_is_judged_by_it():
    y, nothing = nn.Variable((3, 1)), nn.Variable((3, 1))
    loss = OwnLoss()
    assert loss.samples(y, nothing) == y and loss.right(y.d, nothing.d) is None
    assert loss.name == "own loss" and loss.metrics(y.d, nothing.d) == {}
