# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import inspect

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.parametric_functions as CPF
import nnabla_compress.quantizers as Q
from nnabla_compress.parametric_functions.layers import quantized_affine
from nnabla_compress.parametric_functions.method_layers import Quantizers, method_layer
from nnabla_compress.quantizers.base import quantizer_of

KINDS = ("affine", "convolution", "depthwise_convolution", "deconvolution")
ARGUMENTS = {"affine": (3,), "depthwise_convolution": ((3, 3),)}
QUANTIZERS = {"LUT": Q.LUT(bits=2), "Affine": Q.Affine(bits=4), "Pow2": Q.Pow2(bits=4)}


def names(function):
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantized_layer_is_its_twin_with_quantizers_before_the_name(kind):
    ours, twin = names(getattr(CPF, f"quantized_{kind}")), names(getattr(PF, kind))
    assert ours == [*twin[:-1], "quantizer", "quantizer_b", "name"]


@pytest.mark.parametrize("method", ("lutq", "dq"))
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_of_a_method_is_documented_argument_by_argument(method, kind):
    layer = getattr(CPF, f"{method}_{kind}")
    assert layer.__name__ == f"{method}_{kind}"
    described = layer.__doc__.split("Args:\n")[1].split("\n\n")[0]
    listed = [line.split(":")[0].strip() for line in described.splitlines() if line[8] != " "]
    assert listed == names(layer)[:-1]


@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_any_quantizer_is_put_on_weight_and_bias(kind, quantizer, rng):
    x = nn.Variable.from_numpy_array(rng.randn(2, 4, 6, 6).astype(np.float32))
    arguments = ARGUMENTS.get(kind, (5, (3, 3)))
    layer = getattr(CPF, f"quantized_{kind}")
    chosen = QUANTIZERS[quantizer]
    y = layer(x, *arguments, quantizer=chosen, quantizer_b=Q.Uniform(bits=8), name="q")
    layer_inputs = y.parent.inputs
    assert quantizer_of(layer_inputs[1].parent) is type(QUANTIZERS[quantizer])
    assert quantizer_of(layer_inputs[2].parent) is Q.Uniform


def test_without_quantizers_it_is_the_twin_bit_for_bit(rng):
    x = nn.Variable.from_numpy_array(rng.randn(2, 4, 6, 6).astype(np.float32))
    arguments = dict(pad=(1, 1), stride=(2, 2), name="c")
    y = CPF.quantized_convolution(x, 5, (3, 3), **arguments)
    twin = PF.convolution(x, 5, (3, 3), **arguments)
    nn.forward_all([y, twin])
    np.testing.assert_array_equal(y.d, twin.d)


def test_a_method_needs_nothing_but_its_quantizers(rng):
    def quantizers(levels: int = 2) -> Quantizers:
        """Makes them.

        Weights take few values.

        Args:
            levels: How many.
        """
        return Quantizers(Q.LUT(bits=levels.bit_length() - 1))

    layer = method_layer("few_affine", quantized_affine, quantizers, "Few values.", ">>> 1", [])
    y = layer(nn.Variable.from_numpy_array(rng.randn(2, 9)), 7, levels=4, name="few")
    y.forward()
    assert names(layer)[-2:] == ["levels", "name"] and "How many." in layer.__doc__
    assert len(np.unique(y.parent.inputs[1].d)) == 4
    assert list(nn.get_parameters())[0] == "few/affine/W"


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(TypeError, match="levels"):
        CPF.lutq_affine(nn.Variable((2, 3)), 4, levels=3)
