# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rows of large networks are joined, and tell what grows with the weights."""

from __future__ import annotations

from tests.benchmarks.measure_large_networks import joined, table


def size(weights, **seconds):
    rows = [
        {
            "what": name,
            "peak_bytes": 10**8,
            "bytes_a_weight": 1e8 / weights,
            "within": True,
            "user_seconds": took,
            "seconds_a_million": took / weights * 1e6,
        }
        for name, took in seconds.items()
    ]
    return {"weights": weights, "rows": rows}


def test_what_grows_is_what_a_row_takes_more_than_that_of_the_next_smaller_network():
    found = joined([size(4_000_000, a=10.0)], [size(16_000_000, a=16.0, b=40.0)])
    assert [row.get("seconds_a_million_more") for s in found for row in s["rows"]] == [
        None,
        0.5,
        None,
    ]
    lines = table({"sizes": found}).splitlines()[2:]
    assert lines[0] == "| 4,000,000 | a | 100 | 25.0 | yes | 2.50 |  | no |"
    assert lines[1] == "| 16,000,000 | a | 100 | 6.2 | yes | 1.00 | 0.50 | yes |"


def test_a_row_that_is_measured_again_takes_the_place_of_the_old_one():
    (found,) = joined([size(4_000_000, a=10.0, b=1.0)], [size(4_000_000, a=8.0)])
    assert [(row["what"], row["user_seconds"]) for row in found["rows"]] == [("a", 8.0), ("b", 1.0)]
