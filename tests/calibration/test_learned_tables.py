# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables and assignments learned together: never worse, much better where inputs go together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnabla_compress.calibration.learned_rounding import (
    RoundingSettings,
    errors,
    learn,
    moments,
)
from nnabla_compress.calibration.learned_tables import learn_table
from nnabla_compress.quantizers import LUT
from nnabla_compress.quantizers.choices import Table, neighbours
from nnabla_compress.quantizers.dictionary_start import initial_dictionary
from nnabla_compress.quantizers.lut import project
from tests.calibration.pairs import as_patches


def problem(rng, outputs=6, row=12, samples=500, groups=1, bias=True):
    """Weights, and the moments of inputs that go together."""
    rows = rng.randn(groups, outputs, row).astype(np.float32)
    x = (rng.randn(samples, groups, row) @ rng.randn(row, row) + 0.5).astype(np.float32)
    y = np.einsum("pgi,goi->pgo", x, rows)
    return rows, moments(rows, as_patches(x, y), bias)


def table_of(quantizer, rows):
    return Table(
        initial_dictionary(quantizer, rows),
        lambda entries: project(quantizer, entries),
        signs=quantizer.signs,
        has_zero=quantizer.has_zero,
        skips_zero=bool(quantizer.prune),
    )


def nearest(rows, entries):
    return entries[np.abs(rows[..., None] - entries).argmin(axis=-1)]


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("bits", [2, 4])
def test_learning_both_gains_decibels_over_the_nearest_entries(bits, groups, rng):
    rows, found = problem(rng, groups=groups)
    quantizer = LUT(bits=bits)
    table = table_of(quantizer, rows)
    start = nearest(rows, table.entries)
    values, entries = learn_table(start, rows, table, found, 20)
    assert values.dtype == entries.dtype == np.float32
    assert np.isin(values, entries).all() and (np.diff(entries) >= 0).all()
    assert len(entries) == 2**bits
    before, after = (errors(v, rows, found).sum() for v in (start, values))
    assert after < 0.7 * before
    # Starting from learned roundings is better still.
    rounded = learn(rows, *neighbours(rows, table.entries), found, RoundingSettings(steps=200))
    values, _ = learn_table(rounded, rows, table, found, 20)
    assert errors(values, rows, found).sum() < 0.65 * before


def test_a_tiny_layer_comes_close_to_the_best_of_all_tables_and_assignments(rng):
    rows, found = problem(rng, outputs=2, row=5)
    table = table_of(LUT(bits=1), rows)
    values, entries = learn_table(nearest(rows, table.entries), rows, table, found, 20)
    gram, rows_64 = found.gram[0].astype(np.float64), rows[0].astype(np.float64)
    wanted = rows_64 @ gram + found.slope[0]
    least = np.inf
    for codes in itertools.product((0, 1), repeat=10):
        codes = np.reshape(codes, (2, 5))
        taken = np.eye(2)[codes]
        matrix = np.einsum("oik,ij,ojl->kl", taken, gram, taken)
        slope = np.einsum("oik,oi->k", taken, wanted)
        best = np.linalg.lstsq(matrix, slope, rcond=None)[0]
        least = min(least, errors(best[codes][None], rows, found).sum())
    start = errors(nearest(rows, table.entries), rows, found).sum()
    assert errors(values, rows, found).sum() <= least + 0.5 * (start - least)


@pytest.mark.parametrize(
    "options",
    [
        dict(bits=3, zero=True),
        dict(bits=3, prune=0.4),
        dict(bits=3, dictionary="pow2"),
        dict(dictionary="ternary"),
        dict(dictionary="binary"),
        dict(bits=3, grid_bits=5),
    ],
    ids=str,
)
def test_what_the_options_ask_for_holds_and_the_error_never_rises(options, rng):
    rows, found = problem(rng, outputs=9)
    quantizer = LUT(**options)
    table = table_of(quantizer, rows)
    start = nearest(rows, table.open(table.entries))
    if quantizer.prune:
        start = np.where(np.abs(rows) < np.quantile(np.abs(rows), 0.4), np.float32(0), start)
    values, entries = learn_table(start, rows, table, found, 20)
    assert errors(values, rows, found).sum() <= errors(start, rows, found).sum()
    assert np.isin(values, entries).all()
    np.testing.assert_array_equal(np.sort(project(quantizer, entries)), entries)
    if quantizer.has_zero:
        assert (entries == 0).sum() == 1
    if quantizer.prune:
        np.testing.assert_array_equal(values == 0, start == 0)
    if quantizer.signs is not None:
        assert entries[0] == -entries[-1] != 0


def test_a_fixed_table_stays_and_its_assignments_are_learned(rng):
    rows, found = problem(rng)
    entries = np.float32([-1, 1])
    table = Table(entries, np.float32, signs=(-1, 1), fixed=True)
    start = nearest(rows, entries)
    values, kept = learn_table(start, rows, table, found, 20)
    assert kept.tolist() == [-1, 1]
    assert errors(values, rows, found).sum() < 0.9 * errors(start, rows, found).sum()


def test_inputs_that_never_vary_leave_table_and_assignments_as_they_are(rng):
    rows = rng.randn(1, 3, 4).astype(np.float32)
    x = np.ones((50, 1, 4), np.float32)
    found = moments(rows, as_patches(x, np.einsum("pgi,goi->pgo", x, rows)), True)
    table = table_of(LUT(bits=2), rows)
    start = nearest(rows, table.entries)
    values, entries = learn_table(start, rows, table, found, 20)
    np.testing.assert_array_equal(values, start)
    np.testing.assert_array_equal(entries, table.entries)


def test_roundings_between_entries_of_a_table_are_learned_like_those_between_codes(rng):
    rows, found = problem(rng, row=24)
    entries = initial_dictionary(LUT(bits=3), rows)
    lower, upper = neighbours(rows, entries)
    values = learn(rows, lower, upper, found, RoundingSettings(steps=300))
    assert ((values == lower) | (values == upper)).all()
    before = errors(nearest(rows, entries), rows, found).sum()
    assert errors(values, rows, found).sum() < 0.6 * before
