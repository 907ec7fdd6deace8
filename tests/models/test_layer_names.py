# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.models.layer_names import plain_path, same_layers

KINDS = (
    *("binary_connect", "binary_weight", "inq", "pruned"),
    *("fixed_point_quantized", "pow2_quantized", "min_max_quantized"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_nnabla_makes_have_the_plain_names_of_its_plain_ones(kind):
    names = []
    for prefix in (f"{kind}_", ""):
        nn.clear_parameters()
        h = getattr(PF, f"{prefix}convolution")(nn.Variable((1, 1, 4, 4)), 2, (3, 3), name="a")
        getattr(PF, f"{prefix}affine")(h, 3, name="b")
        names.append([name for name in nn.get_parameters(grad_only=False) if name[-1] in "Wb"])
    own = [name for name in names[0] if name.endswith(("/W", "/b"))]
    assert sorted(map(plain_path, own)) == sorted(names[1])
    assert sorted(same_layers(names[1], own).values()) == sorted(names[1])
    assert sorted(same_layers(own, names[1]).values()) == sorted(own)


def test_layers_that_have_parameters_of_their_own_take_no_others():
    both = ["a/conv/W", "a/inq_conv/W"]
    assert same_layers(both, both) == same_layers(both, ["a/conv/W"]) == {}
    assert same_layers(["W", "a/inq_conv/I", "a/pruned/W"], ["a/conv/W", "a/conv/I"]) == {}
