# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Changes of a network that are measured one at a time: one kind a file."""

from __future__ import annotations

from nnabla_compress.search.changes.bits import bit_changes
from nnabla_compress.search.changes.change import Change, Found
from nnabla_compress.search.changes.channels import channel_changes
from nnabla_compress.search.changes.ranks import rank_changes

__all__ = ["Change", "Found", "bit_changes", "channel_changes", "rank_changes"]
