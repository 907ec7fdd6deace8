# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.terms import UnitNorm, term_of
from tests.training.terms.test_slimming import trained


def network(x, test):
    h = F.relu(PF.affine(x, 8, name="a"))
    return PF.affine(F.relu(PF.affine(h, 8, name="b")), 2, name="c")


def test_weights_have_the_length_1_all_the_way_and_the_last_layer_is_free(tmp_path):
    _, outcome = trained(tmp_path, UnitNorm(), build=network)
    for name in "ab":
        weight = nn.get_parameters()[f"{name}/affine/W"].d
        np.testing.assert_allclose(np.linalg.norm(weight, axis=0), 1, atol=1e-5)
    last = np.linalg.norm(nn.get_parameters()["c/affine/W"].d, axis=0)
    assert not np.allclose(last, 1, atol=1e-3)
    assert outcome.noticed["unit_norm"]["largest_threshold"] > 0


def test_biases_stay_within_the_threshold(tmp_path):
    _, outcome = trained(tmp_path, UnitNorm(0.01), build=network)
    assert outcome.noticed["unit_norm"]["largest_threshold"] <= 0.01 + 1e-6


def test_a_recipe_asks_for_it_by_name_or_by_its_threshold():
    assert term_of({"unit_norm": 2}).make(lambda x, test: x) == UnitNorm(2)
    assert term_of("unit_norm").make(lambda x, test: x) == UnitNorm()
    with pytest.raises(ConfigError, match="threshold is 0"):
        term_of({"unit_norm": 0})


def test_a_network_without_such_neurons_is_refused():
    with pytest.raises(ConfigError, match="no layer is followed by a ReLU"):
        term_of("unit_norm").foresee([PF.affine(nn.Variable((1, 4)), 2)])
