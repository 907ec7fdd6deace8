# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels import product_codes
from nnabla_compress.kernels.product_codes import assign_rows, scores_of_codes


@pytest.mark.parametrize("rows", [1, 1500, 3000])
def test_each_part_takes_its_nearest_entry_and_is_added_to_it(rows):
    rng = np.random.RandomState(rows)
    values = rng.randn(rows, 6).astype(np.float32)
    books = rng.randn(2, 5, 3).astype(np.float32)
    codes = np.empty((rows, 2), np.uint8)
    sums, counts, errors = assign_rows(values, books, codes)
    cut = values.reshape(rows, 2, 3).astype(np.float64)
    apart = np.square(cut[:, :, None] - books[None]).sum(axis=3)
    np.testing.assert_allclose(
        np.take_along_axis(apart, codes[:, :, None].astype(int), 2)[..., 0],
        apart.min(axis=2),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_allclose(errors, apart.min(axis=2), rtol=1e-4, atol=1e-6)
    for part in range(2):
        for entry in range(5):
            mine = codes[:, part] == entry
            assert counts[part, entry] == mine.sum()
            np.testing.assert_allclose(sums[part, entry], cut[mine, part].sum(axis=0), atol=1e-9)


def test_threads_and_pieces_change_no_bit(monkeypatch):
    rng = np.random.RandomState(0)
    values, books = rng.randn(5000, 8).astype(np.float32), rng.randn(2, 16, 4).astype(np.float32)
    codes = np.empty((5000, 2), np.uint8)
    first = [a.tobytes() for a in assign_rows(values, books, codes)] + [codes.tobytes()]
    kernel = product_codes._assign
    monkeypatch.setattr(kernel, "alone", kernel.together)
    again = [a.tobytes() for a in assign_rows(values, books, codes)] + [codes.tobytes()]
    assert first == again


def test_scores_are_sums_over_the_codes_of_a_row_s_own_tables():
    rng = np.random.RandomState(0)
    codes, groups = rng.randint(4, size=(7, 3)).astype(np.uint8), rng.randint(2, size=7)
    tables, scales = rng.randn(2, 3, 4).astype(np.float32), rng.randn(7).astype(np.float32)
    out = np.empty(7, np.float32)
    scores_of_codes(codes, groups.astype(np.int64), tables, scales, out)
    for row in range(7):
        expected = sum(tables[groups[row], part, codes[row, part]] for part in range(3))
        np.testing.assert_allclose(out[row], expected * scales[row], rtol=1e-5)
