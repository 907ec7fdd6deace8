# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Times as people write them."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.fitting.clock import Clock, parse_time


@pytest.mark.parametrize("text", ["", "0", "soon", "-3min", "3 days", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConfigError, match="--time"):
        parse_time(text)


def test_a_clock_runs_down():
    clock = Clock(10.0)
    first = clock.left
    assert clock.left <= first <= 10
