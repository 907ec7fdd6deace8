# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is about to be tried: the steps of a recipe, what it is exported for, what it will take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List


@dataclass(frozen=True)
class Plan:
    """An attempt before it is begun.

    Args:
        measure: The kind of measure.
        name: Few words that name its folder.
        what: What is done, in words.
        why: Why that comes next.
        target: What it is exported for.
        steps: The steps of its recipe.
        prefer: What the export prefers where decoding a weight takes memory.
        seconds: How long it is expected to take.
    """

    measure: str
    name: str
    what: str
    why: str
    target: str
    steps: List[Dict[str, Any]] = field(default_factory=list)
    prefer: str = "flash"
    seconds: float = 0.0

    @property
    def trains(self) -> bool:
        """Whether a step trains."""
        return any("train" in step for step in self.steps)
