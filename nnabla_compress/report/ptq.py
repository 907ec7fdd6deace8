# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the steps of a post-training quantization came to, as a table."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from rich.table import Table

from nnabla_compress.report.tables import new_table


def step_table(rows: Sequence[Mapping[str, Any]], judge: str = "snr") -> Table:
    """Returns a row for each step that was tried.

    Args:
        rows: The ``"steps"`` of a ``results.json``.
        judge: What decided, as of the settings.

    Example:
        >>> step_table([{"step": "quantized", "weight_snr": 20.0, "kept": True, "seconds": 0.1}]
        ...            ).row_count
        1
    """
    measured = any("output_snr" in row for row in rows)
    scored = any(row.get("kl") is not None for row in rows)
    table = new_table("Steps")
    table.add_column("step", overflow="fold")
    if measured:
        table.add_column("output SNR, dB", justify="right")
    if scored:
        table.add_column("divergence", justify="right")
        table.add_column("same class", justify="right")
    table.add_column("weight SNR, dB", justify="right")
    table.add_column("kept")
    table.add_column("seconds", justify="right")
    for row in rows:
        cells = [row["step"]]
        if measured:
            cells.append(f"{row['output_snr']:.2f}")
        if scored:
            cells += [f"{row['kl']:.4g}", f"{100 * row['same_class']:.1f} %"]
        cells += [f"{row['weight_snr']:.2f}", "yes" if row["kept"] else "no"]
        table.add_row(*cells, f"{row['seconds']:.1f}" if "seconds" in row else "")
    if measured:
        table.caption = (
            "against the outputs of the float network, on calibration samples held out; a step "
            f"that does not {'lower the divergence' if judge == 'kl' else 'raise the output SNR'} "
            "is taken back"
        )
    return table
