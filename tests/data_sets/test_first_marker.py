# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sequences with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data.first_marker import first_marker
from nnabla_compress.errors import ConfigError


def test_the_class_is_the_first_of_two_or_more_markers():
    data = first_marker(samples=200, length=8, vocabulary=9, markers=3)
    for split in (data.split("train"), data.split("test")):
        for row, answer in zip(split.x, split.y):
            found = row[row < 3]
            assert found[0] == answer and len(found) == len(set(found)) >= 2
        assert split.x.max() == 8
    assert (len(data.train), len(data.test), data.n_classes) == (160, 40, 3)


def test_the_same_options_draw_the_same():
    assert np.array_equal(first_marker(20).train.x, first_marker(20).train.x)


@pytest.mark.parametrize("options", [{"samples": 3}, {"vocabulary": 4}, {"markers": 1}])
def test_what_makes_no_task_is_refused(options):
    with pytest.raises(ConfigError, match=f"first_marker: {next(iter(options))} is"):
        first_marker(**options)
