# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LeNet: names of NNabla's example, small images, refusals."""

from __future__ import annotations

import os

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import NnpFile, lenet


def test_parameters_are_those_of_nnablas_mnist_example():
    assert lenet(nn.Variable((2, 1, 28, 28)), 10).shape == (2, 10)
    shapes = {name: value.shape for name, value in nn.get_parameters().items()}
    assert shapes == {
        "conv1/conv/W": (16, 1, 5, 5), "conv1/conv/b": (16,),
        "conv2/conv/W": (16, 16, 5, 5), "conv2/conv/b": (16,),
        "fc3/affine/W": (256, 50), "fc3/affine/b": (50,),
        "fc4/affine/W": (50, 10), "fc4/affine/b": (10,),
    }  # fmt: skip


def test_it_computes_what_the_published_network_computes():
    root = os.environ.get("NNABLA_COMPRESS_DATA", "")
    path = os.path.join(root, "nnp", "sony_nnabla-lenet_010000.nnp")
    if not root or not os.path.isfile(path):
        pytest.skip("needs nnp/sony_nnabla-lenet_010000.nnp in $NNABLA_COMPRESS_DATA")
    x = nn.Variable((4, 1, 28, 28))
    theirs = NnpFile(path)(x, test=True)
    ours = lenet(x / 255, 10, test=True)  # the file divides by 255 itself
    x.d = np.random.RandomState(0).randint(0, 256, x.shape)
    theirs.forward()
    ours.forward()
    np.testing.assert_allclose(ours.d, theirs.d, atol=1e-3)
    assert len(nn.get_parameters()) == 8


@pytest.mark.parametrize("side", [4, 5, 8, 15, 16])
def test_small_images_fit(side):
    assert lenet(nn.Variable((2, 3, side, side)), 10, maps=4, hidden=6).shape == (2, 10)


def test_batch_normalization_replaces_the_biases_of_the_convolutions():
    lenet(nn.Variable((2, 1, 8, 8)), 10, batch_norm=True)
    names = set(nn.get_parameters(grad_only=False))
    assert {"bn1/bn/mean", "bn2/bn/gamma"} <= names and "conv1/conv/b" not in names


def test_vectors_tiny_images_and_numbers_below_one_are_refused():
    with pytest.raises(ConfigError, match=r"needs images .* \(2, 64\)"):
        lenet(nn.Variable((2, 64)), 10)
    with pytest.raises(ConfigError, match="3 x 9 are too small"):
        lenet(nn.Variable((2, 1, 3, 9)), 10)
    with pytest.raises(ConfigError, match="maps=0"):
        lenet(nn.Variable((2, 1, 8, 8)), 10, maps=0)
