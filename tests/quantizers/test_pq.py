# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.quantizers.lut import LUT
from nnabla_compress.solvers import Quantized


def coded(values, quantizer):
    weight = nn.parameter.get_parameter_or_create("t/W", values.shape, values)
    with nn.parameter_scope("t"):
        y = quantizer(weight)
    y.forward()
    return weight, y


def test_as_many_entries_as_rows_lose_nothing(rng):
    values = rng.randn(16, 10).astype(np.float32)
    _, y = coded(values, Q.PQ(bits=4, length=4))
    np.testing.assert_allclose(y.d, values, atol=1e-6)


def test_planted_parts_are_found(rng):
    books = 3 * rng.randn(2, 8, 4)
    values = np.concatenate([books[part, rng.randint(8, size=500)] for part in (0, 1)], axis=1)
    _, y = coded((values + 0.01 * rng.randn(*values.shape)).astype(np.float32), Q.PQ(3, 4))
    assert np.abs(y.d - values).max() < 0.1


def test_codes_of_one_number_err_little_more_than_the_best_dictionaries(rng):
    values = rng.randn(400, 3).astype(np.float32)
    _, y = coded(values, Q.PQ(bits=3, length=1))
    squares = np.square(y.d - values).sum(axis=0)
    for column in range(3):
        nn.clear_parameters()
        _, best = coded(values[:, column : column + 1], LUT(bits=3))
        assert squares[column] < 1.3 * np.square(best.d - values[:, column : column + 1]).sum()


def test_it_says_what_a_row_takes():
    values = np.random.RandomState(0).randn(300, 64).astype(np.float32)
    _, y = coded(values, Q.PQ())
    node = y.parent
    encoding = Q.PQ.encode(node)
    assert encoding.row_bytes == 8 and Q.PQ.bits_of(node.info.args, node.inputs) == 1
    assert encoding.nbytes == 300 * 8 + 8 * 256 * 8 * 4
    np.testing.assert_array_equal(encoding.decode(), y.d)


@pytest.mark.parametrize("quantizer", [Q.PQ(bits=2, length=4), Q.RowLUT(bits=2, rows=8)])
def test_a_training_moves_codes_and_codebooks(quantizer, rng):
    wanted = np.repeat(rng.randn(4, 8), 5, axis=0).astype(np.float32)
    weight, y = coded(rng.randn(20, 8).astype(np.float32), quantizer)
    loss = F.mean((y - nn.Variable.from_numpy_array(wanted)) ** 2)
    loss.forward()
    before = float(loss.d)
    solver = Quantized(S.Adam(0.05))
    solver.set_parameters(nn.get_parameters())
    for _ in range(100):
        loss.forward()
        solver.zero_grad()
        loss.backward()
        solver.update()
    loss.forward()
    assert loss.d < 0.5 * before
    np.testing.assert_array_equal(type(quantizer).encode(y.parent).decode(), y.d)


def test_the_gradient_goes_to_the_rows_unchanged(rng):
    weight, y = coded(rng.randn(9, 6).astype(np.float32), Q.PQ(bits=2, length=3))
    wanted = rng.randn(9, 6).astype(np.float32)
    loss = F.sum(y * nn.Variable.from_numpy_array(wanted))
    loss.forward()
    weight.grad.zero()
    loss.backward()
    np.testing.assert_array_equal(weight.g, wanted)


@pytest.mark.parametrize("shape", [(1, 8), (1, 1)])
def test_a_table_of_one_row_is_fine(shape, rng):
    values = rng.randn(*shape).astype(np.float32)
    _, y = coded(values, Q.PQ())
    np.testing.assert_array_equal(y.d, values)


def test_it_takes_the_weight_of_a_layer_and_a_parameter_only(rng):
    nn.clear_parameters()
    y = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), apply_w=Q.PQ(2, 9), name="c")
    y.forward()
    with pytest.raises(ConfigError, match="was given the output of"):
        Q.PQ()(F.relu(nn.Variable((3, 4))))
    with pytest.raises(ConfigError, match="has no rows"):
        Q.PQ()(nn.parameter.get_parameter_or_create("b", (4,)))


def test_a_row_that_is_no_number_is_told():
    values = np.full((3, 4), np.nan, np.float32)
    weight = nn.parameter.get_parameter_or_create("t/W", values.shape, values)
    y = Q.PQ()(weight)
    with pytest.raises(TrainingError, match="12 of 12 weights"):
        Q.prepare([y])


@pytest.mark.parametrize("options", [{"bits": 9}, {"bits": True}, {"length": 0}, {"length": 1.5}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="PQ: "):
        Q.PQ(**options)
