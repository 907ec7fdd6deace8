# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError


def test_a_layer_with_it_is_nnablas_binary_connect_layer(rng):
    x = nn.Variable.from_numpy_array(rng.randn(2, 3, 5, 5).astype(np.float32))
    y = PF.convolution(x, 4, (3, 3), apply_w=Q.BinaryConnect(), name="c")
    w, b = (nn.get_parameters()[f"c/conv/{name}"] for name in "Wb")
    w.d[0, 0] = 0
    b.d = rng.randn(4)
    z = F.binary_connect_convolution(x, w, nn.Variable(w.shape), b)
    nn.forward_all([y, z])
    np.testing.assert_array_equal(y.d, z.d)


def test_it_goes_on_layers_of_groups_which_nnablas_layer_does_not(rng):
    x = nn.Variable.from_numpy_array(rng.randn(1, 4, 5, 5).astype(np.float32))
    with pytest.raises(Exception, match="(?s).+"):
        PF.binary_connect_convolution(x, 4, (3, 3), group=2, name="theirs").forward()
    y = PF.convolution(x, 4, (3, 3), group=2, apply_w=Q.BinaryConnect(), name="ours")
    y.forward()
    assert set(np.unique(y.parent.inputs[1].d)) == {-1, 1}


def test_its_codes_take_one_bit_each():
    y = Q.BinaryConnect()(nn.Variable.from_numpy_array(np.float32([[-0.3, 0, 2]])))
    encoding = Q.BinaryConnect.encode(y.parent)
    assert (encoding.bits, encoding.codes.tolist()) == (1, [[0, 1, 1]])


@pytest.mark.parametrize("zero", [0.0, 0.5])
def test_a_third_value_for_zeros_takes_a_second_bit(zero):
    y = Q.BinaryConnect(zero)(nn.Variable.from_numpy_array(np.float32([[-0.3, 0, 2]])))
    encoding = Q.BinaryConnect.encode(y.parent)
    assert (encoding.bits, encoding.decode().tolist()) == (2, [[-1, zero, 1]])


@pytest.mark.parametrize("zero", [float("nan"), float("inf"), None, "1", True])
def test_what_is_no_number_for_zeros_is_refused(zero):
    with pytest.raises(ConfigError, match="quantize_zero_to is"):
        Q.BinaryConnect(zero)
