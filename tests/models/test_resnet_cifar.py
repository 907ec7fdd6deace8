# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""ResNet for CIFAR: its size, its shortcut by hand, the published weights by name."""

from __future__ import annotations

import os

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.data import Preprocessing, evaluation_batches, load
from nnabla_compress.data.splits import Split
from nnabla_compress.errors import ConfigError
from nnabla_compress.models import NnpFile, build, resnet_cifar
from nnabla_compress.models.resnet_cifar import _shortcut


@pytest.mark.parametrize("depth, weights", [(20, 269722), (32, 464154), (56, 853018)])
def test_the_number_of_parameters_is_the_published_one(depth, weights):
    resnet_cifar(nn.Variable((1, 3, 32, 32)), 10, depth=depth)
    assert sum(value.size for value in nn.get_parameters().values()) == weights


def test_the_shortcut_takes_every_second_pixel_and_adds_zero_channels():
    x = nn.Variable((2, 3, 4, 6))
    y = _shortcut(x, 7)
    x.d = np.random.RandomState(0).rand(*x.shape).astype(np.float32)
    y.forward()
    assert y.shape == (2, 7, 2, 3)
    assert (y.d[:, 2:5] == x.d[:, :, ::2, ::2]).all()
    assert not y.d[:, :2].any() and not y.d[:, 5:].any()


def test_both_graphs_share_parameters_and_statistics_follow_training_batches():
    x = nn.Variable((2, 3, 8, 8))
    train, test = (resnet_cifar(x, 10, test=test, depth=8) for test in (False, True))
    count = len(nn.get_parameters(grad_only=False))
    assert count == 7 * 5 + 2  # seven convolutions with normalization, one affine
    x.d = np.random.RandomState(0).randn(*x.shape)
    mean = nn.get_parameters(grad_only=False)["bn1/bn/mean"]
    test.forward()
    assert not mean.d.any()
    train.forward()
    assert mean.d.any()


@pytest.mark.parametrize("depth", [2, 7, 21, "20", True])
def test_depths_that_do_not_exist_are_refused(depth):
    with pytest.raises(ConfigError, match="6 n \\+ 2"):
        resnet_cifar(nn.Variable((1, 3, 32, 32)), 10, depth=depth)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 30, 32)])
def test_inputs_that_do_not_halve_twice_are_refused(shape):
    with pytest.raises(ConfigError, match="divisible by 4"):
        resnet_cifar(nn.Variable(shape), 10)


def _models():
    root = os.environ.get("NNABLA_COMPRESS_DATA", "")
    if not root or not os.path.isfile(os.path.join(root, "models", "resnet20_cifar10.h5")):
        pytest.skip("needs models/resnet20_cifar10.h5 in $NNABLA_COMPRESS_DATA")
    return os.path.join(root, "models", "resnet20_cifar10")


def test_the_published_weights_load_by_name_and_compute_the_same():
    path = _models()
    x = nn.Variable((3, 3, 32, 32))
    ours = build("resnet20", x, 10, test=True)
    names = set(nn.get_parameters(grad_only=False))
    nn.load_parameters(path + ".h5")
    assert set(nn.get_parameters(grad_only=False)) == names
    with nn.parameter_scope("theirs"):
        theirs = NnpFile(path + ".nnp")(x, test=True)
    x.d = np.random.RandomState(0).randn(*x.shape)
    ours.forward()
    theirs.forward()
    assert (ours.d == theirs.d).all()


@pytest.mark.long
def test_the_published_weights_classify_real_images():
    path = _models()
    data = load("cifar10", path="$NNABLA_COMPRESS_DATA/cifar10")
    part = Split(data.test.x[:128], data.test.y[:128])
    normalise = Preprocessing(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    x = nn.Variable((64, 3, 32, 32))
    y = build("resnet20", x, 10, test=True)
    nn.load_parameters(path + ".h5")
    right = 0
    for batch in evaluation_batches(part, 64, normalise):
        x.d = batch.x
        y.forward(clear_buffer=True)
        right += int((y.d.argmax(1) == batch.y[:, 0])[batch.mask].sum())
    assert right >= 110  # 91.73 % of all test images; 128 of them in any order give 117 +- 3
