# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizers say that weights may become, and that they compute what is settled."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.quantizers as Q
from nnabla_compress.quantizers.choices import Table, neighbours

LUTS = {
    "free": dict(bits=3),
    "zero": dict(bits=3, zero=True),
    "pruned": dict(bits=3, prune=0.4),
    "pow2": dict(bits=3, dictionary="pow2"),
    "ternary": dict(dictionary="ternary"),
    "fixed": dict(dictionary="binary", scaled=False),
    "grid": dict(bits=3, grid_bits=6),
}


def node_of(quantizer, values):
    weight = get_parameter_or_create("layer/W", values.shape, values.astype(np.float32))
    with nn.parameter_scope("layer"):
        return quantizer(weight)


def choices_of(q):
    return Q.quantizer_of(q.parent).choices(q.parent.info.args, q.parent.inputs)


@pytest.mark.parametrize("options", LUTS.values(), ids=LUTS.keys())
def test_any_entries_that_a_dictionary_settles_on_are_what_it_computes(options, rng):
    values = rng.randn(6, 9).astype(np.float32)
    q = node_of(Q.LUT(**options), values)
    choices = choices_of(q)
    table = choices.table
    lower, upper = choices.bounds()
    open_entries = table.open(table.entries)
    assert np.isin(lower, table.entries).all() and (lower <= upper).all()
    inside = (values >= open_entries[0]) & (values <= open_entries[-1])
    moves = lower < upper
    assert ((lower <= values) & (values <= upper))[inside & moves].all()
    q.forward()
    pruned = options.get("prune", 0) > 0
    assert ((q.d == 0) == ~moves).all() if pruned else moves.all()
    settled = np.where(rng.rand(6, 9) < 0.5, lower, upper)
    choices.settle(settled, table.entries)
    q.forward()
    np.testing.assert_array_equal(q.d, settled)
    # The k-means step of a training that goes on finds the same assignments.
    before = q.parent.inputs[2].d.copy()
    Q.LUT.after_update(q.parent.info.args, q.parent.inputs, 1)
    if not pruned:
        np.testing.assert_array_equal(q.parent.inputs[2].d, before)


@pytest.mark.parametrize(
    "options", [dict(axis=0), dict(), dict(symmetric=False), dict(scale="pow2")]
)
def test_any_codes_that_an_affine_quantizer_settles_on_are_what_it_computes(options, rng):
    values = (rng.randn(5, 40) * np.array([[0.1], [1], [2], [3], [9]])).astype(np.float32)
    q = node_of(Q.Affine(bits=3, **options), values)
    choices = choices_of(q)
    lower, upper = choices.bounds()
    assert choices.table is None and (lower < upper).all()
    for settled in (lower, upper):
        choices.settle(settled, None)
        q.forward()
        np.testing.assert_array_equal(q.d, settled)


def test_maps_and_quantizers_that_are_trained_offer_no_choice():
    x = nn.Variable((2, 3))
    assert choices_of(Q.Affine(bits=8)(x)) is None
    assert choices_of(node_of(Q.Uniform(bits=4), np.ones((2, 3)))) is None


def test_a_table_moves_as_its_options_allow():
    entries = np.float32([-2, 0, 1])
    assert Table(entries, np.float32).basis(entries).tolist() == np.eye(3).tolist()
    held = Table(entries, np.float32, has_zero=True).basis(entries)
    assert held.tolist() == [[1, 0], [0, 0], [0, 1]]
    tied = Table(entries, np.float32, signs=(-1, 0, 1), has_zero=True).basis(entries)
    assert tied.tolist() == [[-1], [0], [1]]
    assert Table(entries, np.float32, skips_zero=True).open(entries).tolist() == [-2, 1]


def test_neighbours_beyond_the_ends_are_the_outermost():
    below, above = neighbours(np.float32([-9, -1, 0.2, 9]), np.float32([-1, 0, 3]))
    assert below.tolist() == [-1, -1, 0, 0] and above.tolist() == [0, 0, 3, 3]
    assert [x.tolist() for x in neighbours(np.float32([5]), np.float32([2]))] == [[2], [2]]
