# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

from nnabla_compress.graph import (
    consumers,
    functions,
    leaves,
    rebuild,
    with_batch_statistics,
)
from nnabla_compress.parametric_functions import pow2_batch_normalization
from nnabla_compress.quantizers import LUT
from tests.graph.networks import ZOO, build, forward, randomize_statistics, recipes, values
from tests.properties import examples


def types(*outputs):
    return [function.info.type_name for function in functions(outputs)]


@pytest.mark.parametrize("name", ZOO)
def test_a_rebuilt_graph_computes_the_same_bit_for_bit(name):
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    y = ZOO[name](x)
    randomize_statistics()
    (copy,) = rebuild([y])
    assert types(copy) == types(y)
    assert not set(functions([copy])) & set(functions([y]))
    np.testing.assert_array_equal(forward(copy), forward(y))
    assert all(a.info.args == b.info.args for a, b in zip(functions([copy]), functions([y])))


@pytest.mark.parametrize("name", [name for name in ZOO if name != "literal_reshape"])
def test_a_rebuilt_graph_takes_another_batch_size(name):
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    new = nn.Variable.from_numpy_array(np.concatenate([x.d, values(1, 4, 8, 8, seed=1)]))
    y = ZOO[name](x)
    randomize_statistics()
    (copy,) = rebuild([y], inputs={x: new})
    assert copy.shape == (3, *y.shape[1:])
    np.testing.assert_allclose(forward(copy)[:2], forward(y), rtol=1e-5, atol=1e-6)


def test_a_reshape_that_merges_the_batch_with_another_axis_follows_the_batch_size():
    x = nn.Variable((2, 4, 8, 8))
    (copy,) = rebuild([ZOO["literal_reshape"](x)], inputs={x: nn.Variable((5, 4, 8, 8))})
    assert copy.shape == (20, 64)


@examples(40)
@given(recipes())
def test_random_networks_are_rebuilt_bit_for_bit(recipe):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = build(recipe, x)
    randomize_statistics()
    np.testing.assert_array_equal(forward(rebuild([y])[0]), forward(y))


def test_parameters_and_inputs_are_the_same_variables_and_receive_gradients():
    x = nn.Variable((2, 3))
    y = PF.affine(PF.affine(x, 3, name="s"), 3, name="s")
    (copy,) = rebuild([y])
    assert leaves([copy]) == leaves([y])
    loss = F.mean(copy)
    x.d = 1
    parameter = nn.get_parameters()["s/affine/W"]
    parameter.grad.zero()
    loss.forward()
    loss.backward()
    assert np.abs(parameter.g).sum() > 0


def test_several_outputs_share_what_they_shared():
    x = nn.Variable((2, 3))
    h = F.tanh(x)
    y, z, same, again = rebuild([F.relu(h), F.exp(h), h, x])
    assert y.parent.inputs[0] == z.parent.inputs[0] == same
    assert again == x


def test_flags_of_variables_survive():
    x = nn.Variable((2, 3), need_grad=True)
    h = F.tanh(x)
    h.persistent = True
    h.name = "hidden"
    cut = F.exp(h)
    cut.need_grad = False
    (copy,) = rebuild([F.relu(cut)])
    hidden = copy.parent.inputs[0].parent.inputs[0]
    assert hidden.persistent and hidden.name == "hidden" and hidden.need_grad
    assert not copy.parent.inputs[0].need_grad


def test_a_function_is_replaced_and_its_place_taken_everywhere():
    x = nn.Variable.from_numpy_array(values(2, 3))
    h = F.relu(x)
    y = F.add2(h, F.tanh(h))

    def replace(function, inputs):
        return F.elu(inputs[0]) if function.info.type_name == "ReLU" else None

    (copy,) = rebuild([y], replace)
    assert types(copy) == ["ELU", "Tanh", "Add2"]
    assert types(y) == ["ReLU", "Tanh", "Add2"]


def test_an_inner_variable_given_as_input_cuts_what_is_before_it():
    x, new = nn.Variable((2, 3)), nn.Variable((2, 3))
    h = F.tanh(x)
    (copy,) = rebuild([F.exp(F.relu(h))], inputs={h: new})
    assert types(copy) == ["ReLU", "Exp"] and leaves([copy]) == [new]


def test_a_graph_far_deeper_than_pythons_recursion_limit_is_rebuilt():
    h = nn.Variable((1, 1))
    for _ in range(3000):
        h = F.add_scalar(h, 1.0)
    assert len(functions(rebuild([h]))) == 3000


def test_quantizers_and_pow2_batch_normalization_are_rebuilt():
    x = nn.Variable.from_numpy_array(values(2, 3, 5, 5))
    h = PF.convolution(x, 4, (3, 3), apply_w=LUT(bits=2), name="c")
    y = pow2_batch_normalization(h, batch_stat=False, name="n")
    (copy,) = rebuild([y])
    assert types(copy) == [
        "nnabla_compress.LUT",
        "Convolution",
        "nnabla_compress.Pow2BatchNormalization",
    ]
    np.testing.assert_array_equal(forward(copy), forward(y))
    assert functions([copy])[0].info.args == functions([y])[0].info.args


def test_consumers_count_outputs_as_readers():
    x = nn.Variable((2, 3))
    h = F.tanh(x)
    y = F.mul2(h, h)
    readers = consumers([y, h])
    assert readers[h] == [y.parent, y.parent, None] and readers[y] == [None]


@pytest.mark.parametrize("normalize", [PF.batch_normalization, pow2_batch_normalization])
def test_batch_statistics_are_switched_on_and_off(normalize):
    x = nn.Variable.from_numpy_array(3 + values(8, 4))
    trained = normalize(F.dropout(x, 0.0), batch_stat=True, name="n")
    (inferred,) = with_batch_statistics([trained], False)
    assert [f.info.args["batch_stat"] for f in functions([inferred])] == [False]
    before = nn.get_parameters(grad_only=False)["n/bn/mean"].d.copy()
    forward(inferred)
    np.testing.assert_array_equal(nn.get_parameters(grad_only=False)["n/bn/mean"].d, before)
    (again,) = with_batch_statistics([inferred], True)
    np.testing.assert_allclose(forward(again).mean(axis=0), 0, atol=1e-6)
    assert np.abs(nn.get_parameters(grad_only=False)["n/bn/mean"].d - before).max() > 0.1
