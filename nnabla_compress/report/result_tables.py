# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The tables of what runs came to: the float network, compressed ones, and what they take."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from rich.table import Table

from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.report.tables import FLOAT_ROW, SIZES, new_table


def distinct_table(runs: Sequence[Results]) -> Table:
    """Returns a row a layer: how many distinct weight values each of several runs left there.

    Args:
        runs: Results of one float network.
    """
    table = new_table("Distinct weight values")
    table.add_column("layer", overflow="fold")
    table.add_column("weights", justify="right")
    for run in runs:
        table.add_column(run.name, justify="right")
    for rows in zip(*(run.layers or [] for run in runs)):
        values = [f"{row['distinct']:,}" for row in rows]
        table.add_row(rows[0]["name"], f"{rows[0]['weights']:,}", *values)
    return table


def result_table(runs: Sequence[Results]) -> Table:
    """Returns a row for the float network and one for each compressed one.

    Args:
        runs: Results of one float network.
    """
    table = new_table("Result")
    table.add_column("network", overflow="fold")
    for name in ("test accuracy", *SIZES):
        table.add_column(name, justify="right")
    if runs:
        table.add_row(*_result(FLOAT_ROW, runs[0].float))
    for run in runs:
        if run.compressed is not None:
            plain = run.float.float_weight_bytes
            table.add_row(*_result(compressed_name(run.name), run.compressed, plain))
    table.caption = (
        "weights packed: bytes of the codes at their bits and their tables, against the float "
        "network's weights; flash: the .nnb; RAM: its buffers"
    )
    return table


def size_table(results: Results) -> Table:
    """Returns a row for the float and one for the compressed network, with what is measured.

    Args:
        results: What a run came to.
    """
    table = new_table("Result")
    table.add_column("network", overflow="fold")
    agreement = results.targets is not None
    measures = _measures(results.float, agreement)
    for name in (*measures, *SIZES):
        table.add_column(name, justify="right")
    rows = [(FLOAT_ROW, results.float), (compressed_name(results.name), results.compressed)]
    for name, part in rows:
        if part is not None:
            cells = size_cells(part, results.float.float_weight_bytes)
            table.add_row(name, *_measures(part, agreement).values(), *cells)
    if not measures:
        table.caption = (
            "no accuracy: --evaluate scores both networks"
            if results.calibration_samples
            else "no accuracy: the run has no data"
        )
    elif agreement:
        table.caption = f"targets: {results.targets}"
    return table


def compressed_name(name: str) -> str:
    """Returns what the row of a compressed network is called: the run, but never ``float``.

    Args:
        name: Name of the run.

    Example:
        >>> compressed_name("lenet"), compressed_name("float")
        ('lenet', 'float, compressed')
    """
    return f"{name}, compressed" if name == FLOAT_ROW else name


def size_cells(part: NetworkResults, plain: Optional[int] = None) -> List[str]:
    """Returns the cells of the columns ``SIZES``, "" for what was not written.

    Args:
        part: The float or the compressed network.
        plain: Bytes of the weights that it is compared with; by default its own as floats, which
            are fewer where some went.

    Example:
        >>> size_cells(NetworkResults(packed_weight_bytes=20, float_weight_bytes=80))
        ['20 B', '0.250', '', '']
    """
    packed, plain, sizes = part.packed_weight_bytes, plain or part.float_weight_bytes, part.sizes
    return [
        f"{packed:,} B" if packed else "",
        f"{packed / plain:.3f}" if packed and plain else "",
        "" if sizes is None else f"{sizes.nnb_bytes:,} B",
        "" if sizes is None else f"{sizes.buffer_bytes:,} B",
    ]


def nnb_score_line(score: Mapping[str, Any]) -> str:
    """Returns what an ``.nnb`` itself came to, as a sentence.

    Args:
        score: The ``nnb_score`` of results.

    Example:
        >>> line = nnb_score_line({"accuracy": 0.9012, "loss": 0.31, "samples": 10000})
        >>> line.partition(": ")[2]
        'accuracy 90.12 %, loss 0.31 (10,000 samples)'
    """
    found = NetworkResults.from_dict(score)
    said = ", ".join(f"{name} {value}" for name, value in _measures(found, False).items())
    return f"the .nnb itself, in the simulator of the C runtime: {said} ({found.samples:,} samples)"


def exits_line(accuracies: Sequence[float]) -> str:
    """Returns what the exits of a network came to, as a line.

    Args:
        accuracies: Of each exit in order, 0 to 1.

    Example:
        >>> exits_line([0.9666, 0.9889])
        'accuracy of each exit: 96.66 %, 98.89 %'
    """
    return "accuracy of each exit: " + ", ".join(f"{100 * share:.2f} %" for share in accuracies)


def _result(name: str, part: NetworkResults, plain: Optional[int] = None) -> List[str]:
    return [name, f"{100 * (part.accuracy or 0):.2f} %", *size_cells(part, plain)]


def _measures(part: NetworkResults, agreement: bool) -> Dict[str, str]:
    """What was measured of a network, as text by name."""
    if part.loss is None:
        return {}
    shown: Dict[str, str] = {}
    if part.accuracy is not None:
        name = "agreement" if agreement else part.accuracy_name or "accuracy"
        shown[name] = f"{100 * part.accuracy:.2f} %"
    for name, value in part.metrics.items():
        shown[name] = f"{value:.4g}"
    return {**shown, "loss": f"{part.loss:.4g}"}
