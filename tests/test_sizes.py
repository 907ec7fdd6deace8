# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.sizes import parse_size, size_text


@pytest.mark.parametrize(
    "size, expected",
    [
        ("70 kB", 71680),
        ("1.5MB", 1572864),
        ("8 KB", 8192),
        ("512 B", 512),
        (100, 100),
        ("1e3", 1000),
    ],
)
def test_sizes_are_read_with_their_units(size, expected):
    assert parse_size(size) == expected


@pytest.mark.parametrize(
    "size, message",
    [
        ("70 kilo", "unknown unit 'kilo'"),
        ("70 GB", "unknown unit 'GB'"),
        ("-3 kB", "not positive"),
        (0, "not positive"),
        ("much", "no size"),
        ("", "no size"),
        ("1.2.3 kB", "no size"),
        (float("nan"), "no size"),
        (True, "no size"),
    ],
)
def test_what_is_no_size_is_refused(size, message):
    with pytest.raises(ConfigError, match=message):
        parse_size(size)


def test_sizes_are_printed_in_the_largest_unit_that_fits():
    assert [size_text(size) for size in (100, 2048, 3 * 1024**2)] == ["100 B", "2.00 kB", "3.00 MB"]
