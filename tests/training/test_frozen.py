# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.training.frozen import frozen


def small_net(x: nn.Variable, test: bool) -> nn.Variable:
    return PF.affine(F.relu(PF.affine(x, 8, name="h")), 2, name="y")


def test_it_keeps_the_parameters_that_it_had(rng):
    x = nn.Variable.from_numpy_array(rng.randn(4, 4).astype(np.float32))
    teacher = frozen(small_net, x).output
    teacher.forward()
    before = np.array(teacher.d)
    for parameter in nn.get_parameters().values():
        parameter.d = parameter.d + 1
    teacher.forward()
    np.testing.assert_array_equal(teacher.d, before)
    x.d = x.d + 1
    teacher.forward()
    assert not np.array_equal(teacher.d, before)


def test_its_maps_have_the_names_of_the_network(rng):
    x = nn.Variable.from_numpy_array(rng.randn(4, 4).astype(np.float32))
    found = frozen(small_net, x)
    assert list(found.maps) == ["h/affine", "h/affine/relu", "y/affine"]
    assert found.maps["y/affine"] is found.output
    nn.forward_all(list(found.maps.values()))
    expected = np.maximum(found.maps["h/affine"].d, 0)
    np.testing.assert_array_equal(found.maps["h/affine/relu"].d, expected)


def test_several_outputs_are_no_one_output():
    found = frozen(lambda x, test: {"a": x * 1, "b": x * 2}, nn.Variable((1, 2)))
    assert list(found.outputs) == ["a", "b"]
    with pytest.raises(DataError, match="the network has 2 outputs: a, b"):
        assert found.output
