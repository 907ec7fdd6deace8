# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The assign-and-accumulate pass against distances computed one by one in float64."""

from __future__ import annotations

from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnabla_compress.kernels.k_means import assign_and_accumulate, boundaries
from nnabla_compress.kernels.threads import PARALLEL_FROM
from tests.properties import examples

numbers = st.floats(-1e6, 1e6, width=32)


def run(values, dictionary, zero=-1, threshold=-1.0):
    values = np.asarray(values, np.float32)
    codes = np.full(values.shape, 77, np.uint8)
    sums, counts = assign_and_accumulate(
        values, np.asarray(dictionary, np.float32), codes, zero, threshold
    )
    return codes, sums, counts


def check(values, dictionary, reference_step):
    codes, sums, counts = run(values, dictionary)
    expected, means = reference_step(values, dictionary)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(counts, np.bincount(expected.ravel(), minlength=len(dictionary)))
    present = counts > 0
    np.testing.assert_allclose(
        sums[present] / counts[present], means[present], rtol=1e-9, atol=1e-9
    )
    assert not sums[~present].any()


@pytest.mark.parametrize("entries", [1, 2, 3, 4, 5, 8, 16, 31, 32, 64, 128, 129, 130, 200, 256])
def test_every_size_of_dictionary_assigns_as_the_distances_say(entries, rng, reference_step):
    values = rng.randn(6, 7, 53).astype(np.float32)
    dictionary = np.sort(rng.randn(entries).astype(np.float32))
    check(values, dictionary, reference_step)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 2047, 2048, 2049, 65535, 65536, 65537, 150001])
def test_every_length_around_blocks_and_chunks_is_covered(size, rng, reference_step):
    check(rng.randn(size).astype(np.float32), np.float32([-1, -0.2, 0.1, 1.5]), reference_step)


@pytest.mark.long
@pytest.mark.parametrize("entries", [16, 256])
def test_a_tensor_above_the_parallel_limit_assigns_as_the_distances_say(
    entries, rng, reference_step
):
    values = rng.randn(PARALLEL_FROM + 70001).astype(np.float32)
    check(values, np.sort(rng.randn(entries).astype(np.float32)), reference_step)


def test_the_number_of_threads_changes_no_bit(rng):
    values = rng.randn(PARALLEL_FROM + 123457).astype(np.float32)
    dictionary = np.sort(rng.randn(16).astype(np.float32))
    threads = numba.get_num_threads()
    results = []
    try:
        for number in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(number)
            results.append(run(values, dictionary, 7, 0.3))
    finally:
        numba.set_num_threads(threads)
    for one, other in zip(*results):
        assert one.tobytes() == other.tobytes()


def test_a_value_half_way_goes_to_the_lower_entry_and_its_neighbours_to_the_nearer():
    middle = np.float32(0.5)
    below, above = np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(1))
    codes, _, _ = run([below, middle, above, -0.5], [-1, 0, 1])
    assert codes.tolist() == [1, 1, 2, 0]


def test_a_midpoint_that_float32_cannot_hold_still_divides_exactly():
    low = np.float32(1)
    high = np.nextafter(low, np.float32(2))
    codes, _, _ = run([low, high], [low, high])
    assert codes.tolist() == [0, 1]
    assert boundaries(np.array([low, high])).tolist() == [1.0]
    # The midpoint of these negative neighbours rounds up to the upper one; it must not.
    low, high = np.float32(-1), np.nextafter(np.float32(-1), np.float32(0))
    codes, _, _ = run([low, high], [low, high])
    assert codes.tolist() == [0, 1]


def test_of_equal_entries_the_first_takes_what_lies_below_and_the_last_what_lies_above():
    codes, sums, counts = run([-1, 2, 2.5, 9], [2, 2, 2])
    assert codes.tolist() == [0, 0, 2, 2]
    assert counts.tolist() == [2, 0, 2]
    assert sums.tolist() == [1, 0, 11.5]


@examples(60)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 20), elements=numbers),
    dictionary=hnp.arrays(np.float32, st.integers(1, 8), elements=numbers, unique=True),
)
def test_any_numbers_go_to_the_entry_that_exact_arithmetic_calls_nearest(values, dictionary):
    dictionary = np.sort(dictionary)
    codes, sums, counts = run(values, dictionary)
    entries = [Fraction(float(entry)) for entry in dictionary]
    for value, code in zip(values.tolist(), codes.tolist()):
        distances = [abs(Fraction(value) - entry) for entry in entries]
        nearest = min(distances)
        # Borders between entries are float64.
        close = nearest < distances[code] <= nearest * (1 + Fraction(1, 2**50))
        assert close or code == distances.index(nearest)
    np.testing.assert_array_equal(counts, np.bincount(codes, minlength=len(dictionary)))
    np.testing.assert_allclose(
        sums, np.bincount(codes, values.astype(np.float64), len(dictionary)), rtol=1e-12, atol=1e-6
    )


def test_sums_of_many_values_are_exact_where_float64_can_hold_them(rng):
    values = (rng.randint(-2000, 2000, 200003) / 8).astype(np.float32)
    dictionary = np.float32([-200, -10, 0, 40, 180])
    codes, sums, _ = run(values, dictionary)
    assert sums.tolist() == [
        int(8 * values[codes == k].astype(np.float64).sum()) / 8 for k in range(5)
    ]


def test_pruned_values_go_to_the_zero_entry_and_no_other_value_does(rng):
    values = rng.randn(3000).astype(np.float32)
    dictionary = np.float32([-1, -0.1, 0, 0.1, 1])
    codes, sums, counts = run(values, dictionary, zero=2, threshold=0.7)
    pruned = np.abs(values) <= np.float32(0.7)
    np.testing.assert_array_equal(codes == 2, pruned)
    others = np.float64([-1, -0.1, 0.1, 1])
    nearest = np.abs(values[~pruned].astype(np.float64)[:, None] - others).argmin(axis=1)
    np.testing.assert_array_equal(codes[~pruned], np.array([0, 1, 3, 4])[nearest])
    for k in range(5):
        assert counts[k] == np.sum(codes == k)
        assert sums[k] == pytest.approx(values[codes == k].astype(np.float64).sum(), abs=1e-9)


def test_pruning_with_256_entries_keeps_the_last_one_apart_from_the_pruned(rng):
    values = rng.uniform(-300, 300, 5000).astype(np.float32)
    dictionary = np.arange(-128, 128).astype(np.float32)
    codes, _, counts = run(values, dictionary, zero=128, threshold=5)
    pruned = np.abs(values) <= 5
    np.testing.assert_array_equal(codes == 128, pruned)
    assert (codes[values > 127] == 255).all()
    assert counts.sum() == 5000


def test_a_threshold_of_zero_prunes_zeros_only():
    codes, _, counts = run([0, 0, 1e-30, -1e-30], [-1, 0, 1], zero=1, threshold=0.0)
    assert codes.tolist() == [1, 1, 2, 0]
    assert counts.tolist() == [1, 2, 1]


def test_nan_and_infinity_show_in_the_sums():
    for bad in (np.nan, np.inf, -np.inf):
        _, sums, _ = run([0, 1, bad], [0, 1])
        assert not np.isfinite(sums).all()
