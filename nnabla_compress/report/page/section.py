# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a report is made of: its material, and sections of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from markupsafe import Markup

from nnabla_compress.report.results import Results


@dataclass
class Reported:
    """What a report is about.

    Args:
        results: What a run came to.
        place: Where it is, as one word of a command.
        pictures: Samples as data URIs, by their number.
        sensitivities: Rows of a ``sensitivity.json``.
        verification: What ``verify`` found.
        diagnosis: What ``diagnose`` found.
        of_file: Whether it is about a file that no run is known of.
    """

    results: Results
    place: str = "RUN"
    pictures: Dict[int, Markup] = field(default_factory=dict)
    sensitivities: Sequence[Dict[str, Any]] = ()
    verification: Optional[Dict[str, Any]] = None
    diagnosis: Optional[Dict[str, Any]] = None
    of_file: bool = False


@dataclass
class Section:
    """A section of a report.

    Args:
        title: Its heading.
        blocks: What stands in it.
        lead: A sentence or two before them.
    """

    title: str
    blocks: List[Markup]
    lead: str = ""
