# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A diagnosis: all checks of a case, what mends the most first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List

from nnabla_compress.diagnosis import checks as _built_in  # noqa: F401 - they make themselves known
from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.errors import TensorError
from nnabla_compress.diagnosis.finding import Finding, checks
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Args:
        samples: Number of samples.
        snr: Signal-to-noise ratio of the outputs in dB, against the network without quantizers.
        errors: What each quantized tensor costs, in the order of execution.
        findings: What is at fault, the most useful first.
    """

    samples: int
    snr: float
    errors: List[TensorError]
    findings: List[Finding]

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as JSON takes it."""
        return {
            "samples": self.samples,
            "snr": self.snr,
            "errors": [error._asdict() for error in self.errors],
            "findings": [finding.as_dict() for finding in self.findings],
        }


@one_at_a_time
def diagnose(case: Case) -> Diagnosis:
    """Makes all checks of a case.

    Args:
        case: What is looked at.

    Returns:
        What was found.
    """
    every = checks()
    found: List[Finding] = []
    for check in tracked("checks", every.values(), len(every)):
        found.extend(check(case))
    found.sort(key=lambda finding: (-finding.weight, finding.title))
    return Diagnosis(case.samples, case.snr, case.errors, found)
