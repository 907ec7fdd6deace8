# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is said of rows by functions alone, against runs."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph.rows_apart import rows_apart, same_for_each_row
from tests.graph.networks import forward, values
from tests.models.others import parameter

APART = {
    "layers": lambda x: PF.affine(F.max_pooling(PF.convolution(x, 4, (3, 3)), (2, 2)), 5),
    "normalized": lambda x: PF.batch_normalization(x, batch_stat=False),
    "parameters": lambda x: F.relu(x * parameter("p", 1, 3, 1, 1) + parameter("q", 1, 1, 1, 8)),
    "branches": lambda x: F.concatenate(F.tanh(x), x + 2, axis=1),
    "flat": lambda x: F.softmax(F.reshape(x, (x.shape[0], -1), inplace=False)),
    "turned behind the rows": lambda x: F.transpose(x, (0, 2, 1, 3)),
    "padded behind the rows": lambda x: F.pad(x, (1, 0, 0, 1, 2, 0)),
}
NOT_SURELY = {
    "a parameter of the batch": lambda x: x * parameter("r", x.shape[0], 3, 8, 8),
    "rows turned away": lambda x: F.transpose(x, (1, 0, 2, 3)),
    "rows split up": lambda x: F.reshape(x, (3 * x.shape[0], -1), inplace=False),
    "softmax over rows": lambda x: F.softmax(x, axis=0),
    "pooled over rows": lambda x: F.max_pooling(
        F.reshape(x, (x.shape[0], -1), inplace=False), (2, 1)
    ),
    "statistics of the batch": lambda x: PF.batch_normalization(x, batch_stat=True),
    "rows padded": lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1)),
    "rows put behind each other": lambda x: F.concatenate(x, x, axis=0),
    "rows along another axis": lambda x: F.add2(
        F.reshape(F.sum(x, (1, 2, 3)), (x.shape[0], 1), inplace=False),
        F.reshape(F.sum(x, (1, 2, 3)), (1, x.shape[0]), inplace=False),
    ),
    "sums along rows": lambda x: F.cumsum(x, axis=0),
    "nothing of the input": lambda x: F.constant(1, (x.shape[0], 2)),
}


@pytest.mark.parametrize("name", APART)
def test_a_row_of_these_depends_on_the_same_row_only(name):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(values(2, 3, 8, 8))
    y = APART[name](x)
    assert rows_apart([x], [y])
    before = np.array(forward(y))
    x.d[0] += 1
    assert np.array_equal(forward(y)[1], before[1]) and not np.array_equal(y.d[0], before[0])


@pytest.mark.parametrize("name", NOT_SURELY)
def test_of_these_nothing_is_said(name):
    x = nn.Variable((2, 3, 8, 8))
    assert not rows_apart([x], [NOT_SURELY[name](x)])


@pytest.mark.parametrize("name", APART)
def test_graphs_for_other_numbers_of_rows_compute_each_alike(name):
    nn.clear_parameters()
    x, z = nn.Variable((1, 3, 8, 8)), nn.Variable((4, 3, 8, 8))
    y, other = APART[name](x), APART[name](z)
    assert same_for_each_row([x], [y], [z], [other])


def test_another_weight_or_argument_is_another_graph():
    nn.clear_parameters()
    x, z = nn.Variable((1, 3)), nn.Variable((2, 3))
    y = PF.affine(x, 2, name="a")
    assert same_for_each_row([x], [y], [z], [PF.affine(z, 2, name="a")])
    assert not same_for_each_row([x], [y], [z], [PF.affine(z, 2, name="b")])
    assert not same_for_each_row([x], [x + 1], [z], [z + 2])


def test_graphs_wired_otherwise_are_not_alike():
    x, z = nn.Variable((1, 3)), nn.Variable((2, 3))
    ends, others = [F.relu(x), F.tanh(x)], [F.relu(z), F.tanh(z)]
    assert same_for_each_row([x], [F.sub2(*ends)], [z], [F.sub2(*others)])
    assert not same_for_each_row([x], [F.sub2(*ends)], [z], [F.sub2(others[1], others[0])])
