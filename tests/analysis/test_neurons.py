# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress import compress
from nnabla_compress.analysis.neurons import neurons


def found(y):
    return {each.layer.name: each.binary for each in neurons([y])}


def test_layers_before_relu_and_before_signs_are_found_and_the_last_is_free():
    x = nn.Variable((1, 1, 8, 8))
    h = F.max_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="a")), (2, 2))
    h = F.binary_sigmoid(PF.convolution(h, 4, (2, 2), name="b"))
    h = F.binary_tanh(F.max_pooling(PF.convolution(h, 4, (1, 1), name="c"), (2, 2)))
    h = F.leaky_relu(PF.affine(h, 4, name="d"))
    assert found(PF.affine(h, 2, name="e")) == {
        "a/conv": False,
        "b/conv": True,
        "c/conv": True,
        "d/affine": False,
    }


def test_layers_before_what_minds_the_length_are_none():
    x = nn.Variable((1, 4))
    h = PF.batch_normalization(PF.affine(x, 4, name="a"), batch_stat=False)
    h = F.tanh(PF.affine(F.relu(h), 4, name="b"))
    h = PF.affine(h, 4, name="c")
    assert found(PF.affine(F.relu(h), 4, name="d") + h) == {}


def test_a_quantized_layer_is_none():
    h = F.relu(PF.affine(nn.Variable((1, 4)), 4, name="a"))
    y = PF.affine(h, 2, name="b")
    assert found(y) and not found(compress(y, "lut:bits=2"))


def test_the_activation_is_told():
    x = nn.Variable((1, 4))
    h = F.maximum_scalar(PF.affine(x, 4, name="a"), 0.0)
    h = F.sign(PF.affine(h, 4, name="b"))
    y = PF.affine(F.leaky_relu(PF.affine(h, 4, name="c")), 2, name="d")
    types = [e.activation and e.activation.info.type_name for e in neurons([y])]
    assert types == ["MaximumScalar", "Sign", None]
