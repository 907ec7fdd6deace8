# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""As many as are asked for."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers import workers


@pytest.mark.parametrize(("jobs", "count"), [(None, 1), (1, 1), (3, 3)])
def test_there_are_as_many_as_asked_for(jobs, count):
    assert workers(jobs).count == count


def test_none_are_refused():
    with pytest.raises(ConfigError, match="0 workers requested"):
        workers(0)
