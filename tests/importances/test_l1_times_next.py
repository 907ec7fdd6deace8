# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.importances import L1TimesNext
from tests.importances.small import scores, two_layers


def test_a_filter_counts_as_much_as_it_is_read():
    assert scores(L1TimesNext(), *two_layers([(3, 4), (1, 1)], [-2, 10])).tolist() == [14, 20]
