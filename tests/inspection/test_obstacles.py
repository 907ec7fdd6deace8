# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress.inspection.obstacles import obstacles, preprocessing
from tests.graph import tied_networks as tied


def _obstacles(y, *inputs):
    return obstacles([y], inputs, nn.get_parameters(grad_only=False))


def test_a_network_that_can_be_compressed_and_exported_has_none():
    x = nn.Variable((2, 3, 8, 8))
    h = PF.batch_normalization(PF.convolution(x, 4, (3, 3), name="c"), batch_stat=False)
    h = F.global_average_pooling(F.relu6(h))
    assert _obstacles(PF.affine(h, 2, name="f"), x) == ()


def test_the_same_place_is_listed_once_with_its_count():
    x = nn.Variable((2, 4))
    h = PF.affine(x, 4, name="f")
    (found,) = _obstacles(F.add2(F.sin(h), F.sin(F.add_scalar(h, 1))), x)
    assert (found.place, found.count) == ("Sin behind f/affine", 2)
    assert "no function Sin" in found.reason


def test_a_normalization_of_a_map_that_others_read_stays():
    x = nn.Variable((2, 3, 8, 8))
    h = PF.convolution(x, 4, (3, 3), name="c")
    y = F.add2(PF.batch_normalization(h, batch_stat=False), h)
    (found,) = _obstacles(y, x)
    assert found.place == "BatchNormalization behind c/conv" and "scale and a shift" in found.reason


def test_a_weight_from_the_input_is_none_that_can_be_quantized():
    x, w = nn.Variable((2, 4)), nn.Variable((4, 3))
    (found, _) = _obstacles(F.affine(x, F.tanh(w)), x, w)
    assert found.place == "Affine before the first layer" and "from the input" in found.reason


def test_scalars_behind_the_first_function_are_no_preprocessing():
    x = nn.Variable((1, 4))
    y = PF.affine((x - 1) * 2, 3, name="f") * 3
    assert preprocessing([y]) == ("AddScalar -1", "MulScalar 2")
    assert preprocessing([F.tanh(x) * 2]) == ()


def test_a_scaling_of_a_weight_is_no_preprocessing():
    x, y = tied.built(tied.scaled)
    assert preprocessing([y]) == preprocessing([y], [x]) == ()


def test_weights_that_only_move_are_no_obstacle_and_computed_ones_are_named():
    x, y = tied.built(tied.sliced)
    assert obstacles([y], [x], nn.get_parameters()) == ()
    nn.clear_parameters()
    x, y = tied.built(tied.scaled)
    (found,) = obstacles([y], [x], nn.get_parameters())
    assert (found.place, found.reason) == (
        "Affine t",
        "its weight is computed by MulScalar: what it reads is stored as floats",
    )
