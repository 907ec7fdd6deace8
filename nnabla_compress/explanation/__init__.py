# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a compression lost: which classes, which samples, and where both networks look."""

from __future__ import annotations

from nnabla_compress.explanation.changes import Change, Changes, ClassChange
from nnabla_compress.explanation.explain import Asked, Explanation, Side, explain

__all__ = ["Asked", "Change", "Changes", "ClassChange", "Explanation", "Side", "explain"]
