# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the steps of a post-training quantization came to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from nnabla_compress.agreement import Agreement


@dataclass(frozen=True)
class Step:
    """What a step came to.

    Args:
        name: What was done.
        score: How close the outputs were with it, on samples held out; None without samples.
        weight_snr: Mean signal-to-noise ratio of the weights in dB.
        kept: Whether it stayed.
        seconds: How long it took.
    """

    name: str
    score: Optional[Agreement]
    weight_snr: float
    kept: bool
    seconds: float

    def merit(self, judge: str) -> float:
        """Returns what steps are compared by; more is better.

        Args:
            judge: ``"kl"`` for the divergence, if there is one; else the signal-to-noise ratio
                of the outputs, or of the weights without samples.
        """
        if self.score is None:
            return self.weight_snr
        return -self.score.kl if judge == "kl" and self.score.kl is not None else self.output_snr

    @property
    def output_snr(self) -> float:
        """The ratio of the outputs in dB; NaN where there is none, or they are not finite alike."""
        if self.score is None or not math.isfinite(self.score.largest):
            return math.nan
        return self.score.snr

    def __str__(self) -> str:
        if self.score is None:
            return f"{self.name}: weights {self.weight_snr:.2f} dB"
        divergence = "" if self.score.kl is None else f", divergence {self.score.kl:.3g}"
        return f"{self.name}: {self.output_snr:.2f} dB{divergence}"


def step_rows(steps: Sequence[Step]) -> List[Dict[str, Any]]:
    """Returns the steps as JSON takes them.

    Args:
        steps: As a post-training quantization returns them.

    Example:
        >>> import numpy as np
        >>> from nnabla_compress.agreement import agreement
        >>> found = agreement([np.float32([[10, 0]])], [np.float32([[9, 0]])])
        >>> row, = step_rows([Step("quantized", found, 40.0, True, 1.0)])
        >>> row["step"], row["output_snr"], row["same_class"], row["kept"]
        ('quantized', 20.0, 1.0, True)
    """
    rows = []
    for step in steps:
        row: Dict[str, Any] = {"step": step.name, "weight_snr": step.weight_snr}
        if step.score is not None:
            row["output_snr"] = step.output_snr
            row["kl"], row["same_class"] = step.score.kl, step.score.same_class
        rows.append({**row, "kept": step.kept, "seconds": round(step.seconds, 1)})
    return rows
