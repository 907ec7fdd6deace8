# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fused CPU kernels: arrays in, arrays out; nothing here knows NNabla."""

from __future__ import annotations

# Elements up to which one thread is quicker: waking the others takes longer than the work, and on
# a busy machine much longer.
PARALLEL_ABOVE = 1 << 18
