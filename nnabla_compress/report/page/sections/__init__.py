# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The sections of a report, one a file, in the order in which they stand."""

from __future__ import annotations

from typing import Callable, List, Optional

from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.sections.advice import advice
from nnabla_compress.report.page.sections.answers import answers
from nnabla_compress.report.page.sections.course import course
from nnabla_compress.report.page.sections.findings import findings
from nnabla_compress.report.page.sections.layers import layers
from nnabla_compress.report.page.sections.memory import memory
from nnabla_compress.report.page.sections.noise import noise
from nnabla_compress.report.page.sections.origin import origin
from nnabla_compress.report.page.sections.ranges import ranges
from nnabla_compress.report.page.sections.sensitivity import sensitivity
from nnabla_compress.report.page.sections.training import training
from nnabla_compress.report.page.sections.tried import tried
from nnabla_compress.report.page.sections.verification import verification
from nnabla_compress.report.page.sections.weights import weights

SECTIONS: List[Callable[[Reported], Optional[Section]]] = [
    advice,
    findings,
    course,
    layers,
    answers,
    training,
    tried,
    noise,
    weights,
    ranges,
    sensitivity,
    memory,
    verification,
    origin,
]


def sections_of(reported: Reported) -> List[Section]:
    """Returns the sections that there is anything for.

    Args:
        reported: What the report is about.
    """
    found = (make(reported) for make in SECTIONS)
    return [section for section in found if section is not None]
