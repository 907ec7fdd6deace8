# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Telling which layers a target leaves as they are."""

from __future__ import annotations

from collections import Counter
from typing import List, Mapping

_NAMED = 3  # layers that a note names before it says how many more there are


def left_over(reasons: Mapping[str, str], what: str) -> List[str]:
    """Returns a note for each reason why layers stay as they are.

    Args:
        reasons: The reason by name of the layer.
        what: What is said of the layers.

    Example:
        >>> left_over({"c1": "it is small", "c2": "it is small"}, "stays float")
        ['c1, c2: stays float, it is small']
    """
    notes = []
    for reason, count in Counter(reasons.values()).items():
        layers = [name for name, why in reasons.items() if why == reason]
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        notes.append(f"{', '.join(layers[:_NAMED])}{more}: {what}, {reason}")
    return notes
