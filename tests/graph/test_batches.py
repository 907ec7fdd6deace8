# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which graphs follow another number of samples."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import FixedBatchError
from nnabla_compress.graph.batches import (
    follows_batch,
    graph_mixes_rows,
    on_inputs,
    rows_of,
    sample_axes,
)
from nnabla_compress.quantizers import BinaryConnect
from tests.graph.networks import forward, values
from tests.models.others import parameter


def _turned(x):
    """Slices where the samples stand along the second axis."""
    return F.transpose(F.slice(F.transpose(x, (1, 0)), (5, 0), (6, 2)), (1, 0))


FOLLOW = {
    "literal reshape": lambda x: F.reshape(F.tanh(x), (2, 2, 3), inplace=False),
    "constant": lambda x: F.concatenate(x, F.constant(0.5, (2, 4)), axis=1),
    "number": lambda x: x + F.constant(0.5, (1, 1)),
    "samples behind": _turned,
    "embedding": lambda x: PF.embed(x, 3, 4),
}
STAY = {
    "parameter of the batch": lambda x: x * parameter("per_row", 2, 6),
    "samples mixed": lambda x: F.reshape(F.transpose(x, (1, 0)), (2, 6), inplace=False),
    "softmax over samples": lambda x: F.softmax(x, axis=0),
    "no axis of samples": lambda x: F.sum(x),
}


@pytest.mark.parametrize("name", FOLLOW)
def test_these_compute_each_sample_as_before(name):
    x = nn.Variable.from_numpy_array(np.abs(values(2, 6)).round() % 3)
    y = FOLLOW[name](x)
    assert follows_batch([y], [x]) and rows_of([y], [x], 64) == 64
    new = nn.Variable.from_numpy_array(np.concatenate([x.d] * 3))
    np.testing.assert_array_equal(
        forward(on_inputs([y], {x: new})[0]), np.concatenate([forward(y)] * 3)
    )


@pytest.mark.parametrize("name", STAY)
def test_these_keep_their_batch_size_and_say_so(name):
    x = nn.Variable.from_numpy_array(values(2, 6))
    y = STAY[name](x)
    assert not follows_batch([y], [x]) and rows_of([y], [x], 64) == 2
    assert rows_of([y], [x], 2) == 2
    with pytest.raises(FixedBatchError, match="2 sample") as error:
        on_inputs([y], {x: nn.Variable((5, 6))})
    assert error.value.rows == 2 and "batch size 2" in error.value.help


def test_the_question_leaves_the_inputs_as_they_are():
    x = nn.Variable.from_numpy_array(values(2, 6))
    before = x.d.copy()
    follows_batch([F.relu(x)], [x])
    np.testing.assert_array_equal(x.d, before)


def test_samples_stand_along_another_axis_behind_a_transpose():
    x = nn.Variable((2, 6))
    turned = F.transpose(x, (1, 0))
    y = F.transpose(F.tanh(turned), (1, 0))
    axes = sample_axes([y], [x])
    assert axes[turned] == 1 and axes[y] == 0


def test_rows_that_mix_are_found_behind_quantizers_that_the_network_came_with():
    x, w = nn.Variable((3, 4)), nn.Variable.from_numpy_array(np.ones((4, 2)))
    for given in (True, False):
        h = F.affine(x, BinaryConnect().on(w, (), "fc", given))
        assert graph_mixes_rows([F.cumsum(h, axis=0)], [x]) == given
        assert not graph_mixes_rows([h], [x])
