# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sequences of tokens with a known answer: which of some marked tokens comes first; no download."""

from __future__ import annotations

import numpy as np

from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import ConfigError

_TEST_PART = 5


def first_marker(
    samples: int = 5000, length: int = 16, vocabulary: int = 32, markers: int = 4
) -> DataSet:
    """Draws sequences of tokens; the class is the marker, one of the first tokens, that is first.

    Each sequence has two or more different markers, so that only their order tells. The same
    options draw the same sequences.

    Args:
        samples: Number of sequences, of which a fifth is the test set.
        length: Tokens of a sequence, at least 2.
        vocabulary: How many tokens there are; more than ``markers``.
        markers: How many of them are markers, at least 2: tokens 0, 1, ...

    Returns:
        Token numbers ``float32`` (N, length), 4,000 to train and 1,000 to test by default.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> data = first_marker(samples=50)
        >>> split = data.split("test")
        >>> row = split.x[0]
        >>> split.x.shape, int(row[row < 4][0]) == int(split.y[0])
        ((10, 16), True)
    """
    for name, value, least in (
        ("samples", samples, 10),
        ("length", length, 2),
        ("markers", markers, 2),
        ("vocabulary", vocabulary, markers + 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(
                f"first_marker: {name} is {value!r}.", help=f"a whole number from {least}"
            )
    random = np.random.RandomState(0)
    x = random.randint(markers, vocabulary, (samples, length))
    y = np.zeros(samples, np.int32)
    for row in range(samples):
        count = random.randint(2, min(markers, length) + 1)
        places = np.sort(random.choice(length, count, replace=False))
        x[row, places] = random.permutation(markers)[:count]
        y[row] = x[row, places[0]]
    tests = np.arange(samples) % _TEST_PART == _TEST_PART - 1
    name = "first_marker"
    return DataSet.checked(
        name,
        n_classes=markers,
        train=Split.checked(x[~tests].astype(np.float32), y[~tests], name),
        test=Split.checked(x[tests].astype(np.float32), y[tests], name),
    )
