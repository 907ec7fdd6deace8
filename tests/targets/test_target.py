# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.analysis import parameter_names
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.targets import target_named

PORTABLE = target_named("portable")


def test_the_place_and_a_way_out_are_told():
    h = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="block/c")
    y = F.relu(F.interpolate(F.relu(h), scale=(2, 2), mode="linear"))
    with pytest.raises(UnsupportedFunctionError) as error:
        PORTABLE.check([y], parameter_names([y]))
    assert "no function Interpolate; it stands behind layer block/c/conv" in str(error.value)
    assert "help: use F.unpooling" in str(error.value)


def test_a_loss_at_the_end_is_told_to_be_left_out():
    y = PF.affine(nn.Variable((1, 3)), 2, name="f")
    loss = F.softmax_cross_entropy(y, nn.Variable((1, 1)))
    with pytest.raises(UnsupportedFunctionError, match="export the logits"):
        PORTABLE.check([loss], {})


X = (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("build", "wrong"),
    [
        (lambda x: PF.convolution(x, 4, (3, 3), channel_last=True), "channel_last=False"),
        (lambda x: F.max_pooling(x, (2, 2), channel_last=True), "channel_last=False"),
        (lambda x: F.softmax(x, axis=-1), "counted from the front"),
        (lambda x: F.concatenate(x, x, axis=-1), "counted from the front"),
        (lambda x: F.slice(x, start=(7,), stop=(0,), step=(-1,)), "steps above 0"),
        (lambda x: F.pad(x, (1, 1), mode="repeat"), "mode=constant or reflect, not repeat"),
        (lambda x: F.affine(x, F.tanh(nn.Variable((192, 4)))), "weight that is a parameter"),
        (lambda x: PF.batch_normalization(x), "no function BatchNormalization"),
    ],
)
def test_arguments_that_the_target_can_not_run_are_refused(build, wrong):
    with pytest.raises(UnsupportedFunctionError, match=wrong):
        PORTABLE.check([build(nn.Variable(X))], {})


def test_an_unknown_target_is_refused():
    with pytest.raises(ConfigError, match="no target 'gpu'"):
        target_named("gpu")
