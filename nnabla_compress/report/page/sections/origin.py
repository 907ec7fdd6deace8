# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where the numbers are from: seed, date, versions."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import table


def origin(reported: Reported) -> Optional[Section]:
    """Returns what it takes to get the same numbers again.

    Args:
        reported: What the report is about.
    """
    results = reported.results
    rows = [["name", results.name]]
    if not reported.of_file:
        rows += [["seed", str(results.seed)], ["date", results.date]]
    rows += [[name.replace("_", "-"), said] for name, said in results.versions.items()]
    if results.targets is not None:
        rows.append(["targets", results.targets])
    if results.calibration_samples:
        rows.append(["calibration samples", f"{results.calibration_samples:,}"])
    return Section("Where this is from", [table(["what", "which"], rows)])
