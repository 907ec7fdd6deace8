# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Limits as people write them, and by how much a network misses them."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.fitting.limits import Limits, Sizes


def test_c_kernels_count_as_flash():
    limits = Limits.of("10 kB", 512)
    assert limits.hold(Sizes(10240, 0, 512)) and not limits.hold(Sizes(10240, 1, 512))
    assert limits.missed(Sizes(10240, 1024, 600)) == ["flash by 1.00 kB", "RAM by 88 B"]
    assert "11,264 bytes (1,024 of them C kernels)" in Sizes(10240, 1024, 600).text()


@pytest.mark.parametrize("flash, ram, drop", [("0", "1", 1), ("1 kX", "1", 1), ("1", "1", -1)])
def test_what_is_no_limit_is_refused(flash, ram, drop):
    with pytest.raises(ConfigError):
        Limits.of(flash, ram, drop)
