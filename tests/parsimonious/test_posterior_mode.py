# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import TrainingError
from nnabla_compress.parsimonious import posterior_mode
from nnabla_compress.parsimonious.posterior_mode import find_hyperplanes
from nnabla_compress.parsimonious.settings import AUTHORS, ParsimoniousSettings


def halves():
    x = np.random.RandomState(0).randn(300, 2)
    return x, (x[:, 0] > 0).astype(int)


@pytest.mark.long
def test_one_half_plane_takes_few_of_the_hyperplanes_there_were():
    x, y = halves()
    found = find_hyperplanes(x, y, ParsimoniousSettings(updates=2000))
    assert found.count <= 4
    assert ((found.probability(x) > 0.5) == y).mean() > 0.97


def test_the_same_seed_finds_the_same():
    x, y = halves()
    short = ParsimoniousSettings(updates=30)
    first, same = (find_hyperplanes(x, y, short, 3) for _ in range(2))
    np.testing.assert_array_equal(first.beta, same.beta)


def test_samples_of_the_other_class_keep_hyperplanes_only_where_asked():
    x, y = halves()
    counts = {}
    for used_by in ("positives", AUTHORS):
        settings = ParsimoniousSettings(updates=1, used_by=used_by)
        counts[used_by] = find_hyperplanes(x, y, settings).count
    assert counts["positives"] <= counts[AUTHORS]


def test_an_objective_that_is_no_number_is_tried_again_more_slowly(monkeypatch):
    x, y = halves()
    rates = []

    def train(self, updates, rate):
        rates.append(rate)
        return False

    monkeypatch.setattr(posterior_mode._Search, "_train", train)
    with pytest.raises(TrainingError, match="no number") as error:
        find_hyperplanes(x, y, ParsimoniousSettings())
    assert "gibbs" in error.value.help
    assert rates == [0.01 / 2**n for n in range(5)]
