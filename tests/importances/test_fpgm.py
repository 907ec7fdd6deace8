# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.importances import FPGM
from tests.importances.small import scores, two_layers


def test_the_filter_that_others_can_stand_for_comes_last():
    found = scores(FPGM(), *two_layers([(3, 4), (0, 1), (2.5, 3.5)]))
    np.testing.assert_allclose(found, [4.9497, 7.7782, 4.2426], atol=5e-5)


def test_signs_count():
    found = scores(FPGM(), *two_layers([(1, 0), (-1, 0), (1, 0)]))
    assert found.tolist() == [2, 4, 2]
