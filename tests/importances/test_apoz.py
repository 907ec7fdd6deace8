# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.importances import APoZ
from tests.importances.small import Given, scores, two_layers


def test_a_channel_that_is_zero_more_often_is_needed_less():
    network, group = two_layers([(1, 0), (0, 1)])
    evidence = Given([[1, -1], [2, -3], [3, -1], [-1, 5]])
    assert scores(APoZ(), network, group, evidence).tolist() == [0.75, 0.25]


def test_without_data_it_says_so():
    with pytest.raises(DataError, match="apoz looks at what samples do.*no data"):
        scores(APoZ(), *two_layers([(1, 0)]))
