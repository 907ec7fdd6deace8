# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a harness is given and what it gives back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional


@dataclass
class Budget:
    """How long a harness may run: until time and number of files are both reached, if given."""

    seconds: float = 0.0
    files: int = 0
    started: float = field(default_factory=time.monotonic)

    def is_spent(self, tried: int) -> bool:
        """Whether enough files have been tried, for long enough."""
        return tried >= self.files and time.monotonic() - self.started >= self.seconds


@dataclass
class Findings:
    """Counts of a harness, and what went wrong.

    Args:
        what: What was done to which files, in a few words.
        on: What they were tried on, where there is a choice.
        tried: Damaged files that were tried.
        counts: What became of them, in words that the harness chooses.
        faults: What must not happen, one text each. Empty in a sound program.
        skipped: Why nothing was tried, if so.
    """

    what: str
    on: str = ""
    tried: int = 0
    counts: Dict[str, int] = field(default_factory=dict)
    faults: List[str] = field(default_factory=list)
    skipped: Optional[str] = None

    def count(self, word: str, times: int = 1) -> None:
        """Adds to a count."""
        self.counts[word] = self.counts.get(word, 0) + times

    def fault(self, text: str, content: bytes, folder: Path) -> None:
        """Notes a fault and keeps the file that showed it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"fault_{len(self.faults)}"
        path.write_bytes(content)
        self.faults.append(f"{path}: {text}")
