# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import rebuild
from nnabla_compress.quantizers import MovingRange, graph_quantizers


def activation(quantizer, values):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.asarray(values, np.float32), need_grad=True)
    y = quantizer(F.identity(x))
    return x, y


def step(y):
    y.forward()
    y.backward()


def state(name):
    return nn.get_parameters(grad_only=False)[f"moving_range/{name}"].d.tolist()


def test_the_range_of_an_activation_is_the_corrected_moving_average_of_its_batches():
    x, y = activation(MovingRange(bits=8, symmetric=False, decay=0.9), [-1, 3])
    step(y)
    np.testing.assert_allclose(state("scale"), [4 / 255], rtol=1e-5)
    x.d = [-2, 6]
    step(y)
    low = (0.9 * 0.1 * -1 + 0.1 * -2) / (1 - 0.9**2)
    np.testing.assert_allclose(state("scale"), [-4 * low / 255], rtol=1e-5)
    assert state("updates") == [2]


def test_forward_passes_alone_do_not_move_the_range():
    x, y = activation(MovingRange(bits=8, symmetric=False), [-1, 3])
    step(y)
    before = state("scale")
    x.d = [-50, 50]
    y.forward()
    assert state("scale") == before and state("updates") == [1]


def test_nothing_is_quantized_before_the_delay_is_over():
    values = np.float32([0.1, 0.26, 1])
    x, y = activation(MovingRange(bits=2, symmetric=False, delay=2), values)
    for _ in range(2):
        y.forward()
        assert y.d.tolist() == values.tolist()
        y.backward()
        assert x.g.tolist() == [1, 1, 1]
        x.g = 0
    y.forward()
    np.testing.assert_allclose(y.d, [0, 1 / 3, 1], rtol=1e-6)


def test_the_range_of_a_weight_is_that_of_its_values_now():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.eye(2, dtype=np.float32))
    y = PF.affine(x, 2, with_bias=False, apply_w=MovingRange(bits=2), name="f")
    W = nn.get_parameters()["f/affine/W"]
    for largest in (3.0, 0.5):
        W.d = np.float32([[largest, 0.4 * largest], [-largest, 0.6 * largest]])
        y.forward()
        assert y.d.tolist() == [[largest, 0], [-largest, largest]]


def test_what_is_encoded_decodes_to_what_was_computed():
    nn.clear_parameters()
    x = nn.Variable((1, 20))
    y = PF.affine(x, 7, with_bias=False, apply_w=MovingRange(bits=3, axis=1), name="f")
    x.d = 0
    (node,) = graph_quantizers([y])
    y.forward()
    assert MovingRange.encode(node).decode().tobytes() == node.outputs[0].d.tobytes()


def test_a_copied_node_shares_its_state():
    x, y = activation(MovingRange(bits=8, symmetric=False), [-1, 3])
    (copy,) = rebuild([y])
    step(y)
    copy.forward()
    assert copy.d.tolist() == y.d.tolist()


@pytest.mark.parametrize("wrong", [{"decay": 1.0}, {"decay": -0.1}, {"delay": -1}, {"delay": 0.5}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        MovingRange(**wrong)
