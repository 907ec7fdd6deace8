# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much memory activations take while the network runs."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

from nnabla_compress.report.page.charts.area import memory_chart
from nnabla_compress.report.page.numbers import size
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import figure, more, table


def memory(reported: Reported) -> Optional[Section]:
    """Returns the memory over time; None where it was not measured.

    Args:
        reported: What the report is about.
    """
    results = reported.results
    before = results.float.memory
    after = [] if results.compressed is None else results.compressed.memory
    if not (before or after):
        return None
    last = after or before
    drawn = memory_chart(
        "memory of activations while the network runs",
        _kilobytes(before if after else []),
        _kilobytes(last),
    )
    key = "Blue: compressed, at the bits of its maps; grey line: float." if after else "kB held."
    most = max(last, key=lambda moment: moment[1])
    lead = f"At most {size(most[1])} are held at a time, in {most[0]}."
    if after and before:
        lead += f" The float network holds {size(max(bytes for _, bytes in before))}."
    lead += " Decoding of weights, which may take more, is not in it."
    rows = [[name, f"{bytes:,}"] for name, bytes in last]
    details = more("All numbers", table(["function", "bytes held"], rows, "Memory", numbers=(1,)))
    return Section("Memory over time", [figure(drawn, key, "wide"), details], lead)


def _kilobytes(moments: Sequence[Sequence[Any]]) -> List[float]:
    return [bytes / 1024 for _, bytes in moments]
