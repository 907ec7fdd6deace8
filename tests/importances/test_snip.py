# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import pytest

from nnabla_compress.importances import SNIP
from tests.importances.small import Given, scores, two_layers

EVIDENCE = Given([[1, 1]], [8.0])


def test_the_numbers_of_all_weights_add_up_to_one():
    network, _ = two_layers([(1.0, 2.0)], [3.0], activation=None)
    weights = {f"{name}/affine/W": nn.get_parameters()[f"{name}/affine/W"] for name in "ab"}
    found = SNIP().of_weights(network, weights, EVIDENCE)
    # y = 9: dL/dw is 3 for a's weights, 3 for b's: |w dL/dw| is 3, 6 and 9.
    assert found["a/affine/W"].ravel().tolist() == pytest.approx([3 / 18, 6 / 18])
    assert found["b/affine/W"].ravel().tolist() == pytest.approx([9 / 18])


def test_a_channel_has_the_sum_of_its_weights():
    network, group = two_layers([(1.0, 2.0), (1.0, 0.0)], [3.0, 1.0], activation=None)
    assert scores(SNIP(), network, group, EVIDENCE).tolist() == pytest.approx([0.9, 0.1])
