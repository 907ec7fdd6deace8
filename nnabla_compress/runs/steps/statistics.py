# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that estimates the running statistics of batch normalizations anew."""

from __future__ import annotations

from typing import Optional

from pydantic import Field

from nnabla_compress.calibration.batch_statistics import estimate_statistics
from nnabla_compress.recipes.step import Course, Record, Step, register_step


@register_step("statistics")
class Statistics(Step):
    """Estimates the running statistics of batch normalizations anew, from samples without labels.

    After weights or channels went, and without a training, that is most of what can be got back.

    Args:
        samples: Samples to look at, drawn from the training samples.
        batch_size: Samples of a batch.
    """

    short = "samples"

    samples: int = Field(default=500, ge=2)
    batch_size: int = Field(default=100, ge=2)

    @property
    def compresses(self) -> bool:
        """It does not compress."""
        return False

    @property
    def samples_taken(self) -> int:
        """Samples that means and variances are of."""
        return self.samples

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data."""
        return "the statistics of batch normalizations are those of samples"

    def run(self, course: Course) -> Record:
        """Estimates them."""
        network, arrays = course.network(), course.samples(self.samples)
        assert arrays is not None
        rows = network.in_order(arrays)
        found = estimate_statistics(
            network.all_outputs, network.all_inputs, rows, min(self.batch_size, len(rows[0]))
        )
        if not found:
            course.tell("statistics: the network has no batch normalization, nothing is estimated")
        return {"normalizations": found, "samples": len(rows[0])}
