# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.importances import L2
from tests.importances.small import scores, two_layers


def test_it_is_the_length_of_each_filter():
    assert scores(L2(), *two_layers([(3, -4), (0, 2)])).tolist() == [5, 2]
