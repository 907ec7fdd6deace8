# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings.content import content_rows
from nnabla_compress.errors import ConfigError

WORDS = (np.random.RandomState(0).rand(30, 12) < 0.3).astype(np.float32)


def test_rows_keep_the_products_that_a_full_decomposition_keeps():
    weighed = WORDS * np.log(30 / WORDS.sum(axis=0))
    weighed /= np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-12)
    left, values, _ = np.linalg.svd(weighed, full_matrices=False)
    expected = left[:, :5] * values[:5]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    expected[WORDS.sum(axis=1) == 0] = 0
    assert (expected == 0).all(axis=1).any()
    found = content_rows(WORDS, 5)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def test_they_are_the_same_each_time_and_counts_do_not_matter_to_tf_idf():
    once = content_rows(WORDS, 4)
    assert once.tobytes() == content_rows(WORDS, 4).tobytes()
    np.testing.assert_allclose(content_rows(3 * WORDS, 4), once, atol=1e-6)
    assert not np.allclose(content_rows(WORDS, 4, tf_idf=False), once, atol=1e-2)


@pytest.mark.parametrize("width", [0, 12, 40])
def test_more_numbers_than_there_are_are_refused(width):
    with pytest.raises(ConfigError, match=f"{width} numbers of 12 features of 30 items"):
        content_rows(WORDS, width)
