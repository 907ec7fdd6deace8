# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import BNGamma
from tests.importances.small import scores, two_layers


def test_it_is_the_magnitude_of_the_scale():
    network, group = two_layers([(3, 4), (0, 1)], gamma=[-0.5, 2])
    assert scores(BNGamma(), network, group).tolist() == [0.5, 2]


def test_a_layer_without_a_batch_normalization_is_refused_by_name():
    with pytest.raises(ConfigError, match="no batch normalization scales the channels of a/affine"):
        scores(BNGamma(), *two_layers([(3, 4)]))
