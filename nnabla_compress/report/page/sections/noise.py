# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where along the network the error came in."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.report.page.charts.bars import Bar, bar_table
from nnabla_compress.report.page.section import Reported, Section

_EXACT = 299.0


def noise(reported: Reported) -> Optional[Section]:
    """Returns the signal-to-noise ratio of each map; None where nothing was compared.

    Args:
        reported: What the report is about.
    """
    rows = reported.results.map_noise
    if not rows:
        return None
    most = max((row["snr"] for row in rows if row["snr"] < _EXACT), default=1.0)
    bars = [
        Bar(
            row["name"],
            [(most if row["snr"] >= _EXACT else max(row["snr"], 0.0), "c0")],
            "exact" if row["snr"] >= _EXACT else f"{row['snr']:.1f} dB",
        )
        for row in rows
    ]
    drawn = bar_table(["map", "longer is closer to the float network", "SNR"], bars, "Map by map")
    lead = (
        "Signal-to-noise ratio of each map against the float network's on the same samples, a "
        "factor for each channel allowed for. Training moves maps, too: then a low value need not "
        "be an error."
    )
    return Section("Error along the network", [drawn], lead)
