# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Entries chosen of candidates against all choices there are."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnabla_compress.kernels.chosen_entries import chosen_entries
from nnabla_compress.kernels.sorted_cells import sorted_cells
from tests.properties import examples


@examples(150)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 12), elements=st.floats(-9, 9, width=32)),
    candidates=hnp.arrays(
        np.float64, st.integers(1, 7), elements=st.integers(-10, 10).map(float), unique=True
    ),
    picked=st.tuples(st.integers(1, 7), st.integers(-1, 6)),
)
def test_no_choice_of_candidates_has_a_smaller_error(values, candidates, picked):
    candidates = np.sort(candidates)
    count, needed = min(picked[0], len(candidates)), min(picked[1], len(candidates) - 1)
    cells = sorted_cells(values)
    chosen = chosen_entries(cells, candidates, count, needed)
    assert len(set(chosen)) == count and set(chosen) <= set(candidates)
    assert (np.diff(chosen) > 0).all()
    allowed = [
        np.array(entries)
        for entries in itertools.combinations(candidates, count)
        if needed < 0 or candidates[needed] in entries
    ]
    assert any(np.array_equal(chosen, entries) for entries in allowed)
    exact = values.astype(np.float64)

    def error(entries):
        return np.square(exact[:, None] - entries).min(axis=1).sum()

    assert error(chosen) <= min(map(error, allowed)) + 1e-9
