# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reports: what a run came to, as tables."""

from __future__ import annotations
