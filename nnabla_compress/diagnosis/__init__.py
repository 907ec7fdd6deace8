# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Why a network lost accuracy: what its maps hold on samples, and what in them is at fault."""

from __future__ import annotations
