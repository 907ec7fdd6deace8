# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fused CPU kernels: arrays in, arrays out; nothing here knows NNabla."""

from __future__ import annotations
