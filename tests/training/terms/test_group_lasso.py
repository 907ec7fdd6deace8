# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.terms import GroupLasso, term_of
from tests.training.terms.test_slimming import trained


def network(x, test):
    return PF.affine(F.relu(PF.affine(x, 16, name="a")), 2, name="b")


def convolutions(x, test):
    h = PF.convolution(F.reshape(x, (x.shape[0], 4, 1, 1)), 4, (1, 1), name="a")
    h = PF.depthwise_convolution(h, (1, 1), name="d")
    return PF.affine(h, 2, name="b")


def penalty(trainer):
    nn.forward_all([trainer.loss, trainer.objective])
    return float(trainer.objective.d - trainer.loss.d)


def lengths(name, axis):
    values = np.square(nn.get_parameters()[name].d.astype(np.float64))
    return np.sqrt(values.sum(axis=tuple(a for a in range(values.ndim) if a != axis))).sum()


def test_the_penalty_is_the_sum_of_the_lengths(tmp_path):
    trainer, _ = trained(tmp_path, GroupLasso(filters=0.5, channels=0.25), build=network, epochs=0)
    filters = lengths("a/affine/W", 1) + lengths("b/affine/W", 1)
    channels = lengths("a/affine/W", 0) + lengths("b/affine/W", 0)
    assert penalty(trainer) == pytest.approx(0.5 * filters + 0.25 * channels, rel=1e-5)


def test_convolutions_have_their_filters_along_another_axis(tmp_path):
    term = GroupLasso(filters=1.0, channels=1.0, layers=["a*", "d*"])
    trainer, _ = trained(tmp_path, term, build=convolutions, epochs=0)
    of_a = lengths("a/conv/W", 0) + lengths("a/conv/W", 1)
    assert penalty(trainer) == pytest.approx(of_a + lengths("d/depthwise_conv/W", 0), rel=1e-5)


def test_a_filter_at_zero_has_the_gradient_zero(tmp_path):
    trainer, _ = trained(tmp_path, GroupLasso(1.0), build=network, epochs=0)
    for name in ("a/affine/W", "b/affine/W"):
        nn.get_parameters()[name].d = 0
    trainer.objective.forward()
    weight = nn.get_parameters()["a/affine/W"]
    weight.grad.zero()
    trainer.objective.backward()
    assert (weight.g == 0).all()


def test_whole_filters_become_small(tmp_path):
    _, outcome = trained(tmp_path / "with", GroupLasso(0.05), build=network, epochs=20)
    _, plain = trained(tmp_path / "without", GroupLasso(1e-12), build=network, epochs=20)
    small = [each.noticed["group_lasso"]["small_filters"] for each in (outcome, plain)]
    assert small[0] > 0.3 and small[1] < 0.1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"filters": -1}, "filters is -1.0, it is a factor"),
        ({"channels": float("inf")}, "channels is inf"),
        ({"filters": 0}, "filters and channels are both 0"),
    ],
)
def test_factors_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        term_of({"group_lasso": options})


def test_a_pattern_that_matches_no_layer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no layer matches c\*"):
        trained(tmp_path, GroupLasso(layers="c*"), build=network)
    with pytest.raises(ConfigError, match=r"no layer matches c\*"):
        term_of({"group_lasso": {"layers": "c*"}}).foresee([network(nn.Variable((1, 4)), False)])
