# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The C runtime on the computer: runs ``.nnb`` files bit for bit, and warns of its traps."""

from __future__ import annotations

from nnabla_compress.simulator.machine import Machine
from nnabla_compress.simulator.traps import traps

__all__ = ["Machine", "traps"]
