# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Several runs beside each other: a Pareto plot and a table."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from nnabla_compress.report.page.charts.scatter import Point, front, scatter
from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import count, percent, size
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import figure, table
from nnabla_compress.report.results import NetworkResults

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def comparison(every: Sequence[Reported]) -> Section:
    """Returns a plot of size and accuracy, and a table.

    Args:
        every: The runs.
    """
    rows, points = [], []
    for letter, name, part in _networks(every):
        bytes = _bytes(part)
        if part.accuracy is not None and bytes:
            look = "grey" if letter.islower() else "c0"
            points.append(Point(letter, bytes / 1024, 100 * part.accuracy, look))
        rows.append([f"{letter}: {name}", *_cells(part)])
    blocks = []
    if len(points) > 1:
        drawn = scatter("size and accuracy", points, "kB of the .nnb", "accuracy in %")
        best = ", ".join(point.label for point in front(points))
        said = f"The upper left is best. No other is smaller and better at once than: {best}."
        blocks.append(figure(element("div", drawn, class_="chart"), said, "wide"))
    heads = ["network", "accuracy", "weights packed", "flash", "RAM", "MAC", "parameters"]
    blocks.append(table(heads, rows, "All networks", numbers=range(1, 7)))
    return Section("Comparison", blocks)


def _networks(every: Sequence[Reported]) -> List[Tuple[str, str, NetworkResults]]:
    """The networks with a letter each; equal float ones stand once, with a small letter."""
    found: List[Tuple[str, str, NetworkResults]] = []
    floats: List[List[str]] = []
    names = [reported.results.name for reported in every]
    for number, reported in enumerate(every):
        results = reported.results
        same = _cells(results.float)
        if same not in floats and any(same):
            letter = _letter(len(floats)).lower()
            floats.append(same)
            found.append((letter, f"float, of {results.name}", results.float))
        if results.compressed is not None:
            alike = names.count(results.name) > 1
            name = f"{results.name} ({reported.place})" if alike else results.name
            found.append((_letter(number), name, results.compressed))
    return found


def _letter(number: int) -> str:
    again = number // len(_LETTERS)
    return _LETTERS[number % len(_LETTERS)] + (str(again) if again else "")


def _bytes(part: NetworkResults) -> Optional[int]:
    return part.packed_weight_bytes if part.sizes is None else part.sizes.nnb_bytes


def _cells(part: NetworkResults) -> List[str]:
    sizes = part.sizes
    return [
        "" if part.accuracy is None else percent(part.accuracy),
        "" if part.packed_weight_bytes is None else size(part.packed_weight_bytes),
        "" if sizes is None else size(sizes.nnb_bytes),
        "" if sizes is None else size(sizes.buffer_bytes),
        "" if part.macs is None else count(part.macs),
        "" if part.parameters is None else count(part.parameters),
    ]
