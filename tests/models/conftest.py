# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Every test of this folder starts and ends without parameters."""

from __future__ import annotations

import nnabla as nn
import pytest


@pytest.fixture(autouse=True)
def no_parameters():
    nn.clear_parameters()
    yield
    nn.clear_parameters()
