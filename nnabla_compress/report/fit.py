# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables that fit the width there is: no number is ever cut, columns go on below instead."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from rich.table import Column, Table
from rich.text import Text

# Blanks beside a cell with what stands between columns, and those at the edges of a table.
_PADDING = 3
_EDGES = 1
# What a column that may be folded needs at least, and has where there is room.
_LEAST_FOLDED, _WISHED_FOLDED = 12, 28


def fitted(table: Table, width: int) -> List[Table]:
    """Returns a table as it is, or as several one below the other that are narrow enough.

    The first column names the rows and stands in each of them. Columns of ``overflow="fold"`` may
    be folded into several lines; all others keep the width of their longest entry, headings being
    wrapped between words.

    Args:
        table: Any table.
        width: Characters of a line.

    Example:
        >>> table = Table()
        >>> for name in ("layer", "weights", "float bytes"):
        ...     table.add_column(name)
        >>> table.add_row("conv1", "6,400", "25,600")
        >>> [len(part.columns) for part in fitted(table, 80)], len(fitted(table, 20))
        ([3], 2)
    """
    needs = [_need(column) for column in table.columns]
    if sum(needs) + _PADDING * len(needs) + _EDGES <= width or len(needs) < 2:
        return [_part(table, range(len(needs)), width)]
    first = min(needs[0], max(_LEAST_FOLDED, width // 3)) if _folds(table.columns[0]) else needs[0]
    groups: List[List[int]] = []
    room = 0
    for number, need in enumerate(needs[1:], 1):
        if not groups or need + _PADDING > room:
            groups.append([])
            room = width - _EDGES - first - _PADDING
        groups[-1].append(number)
        room -= need + _PADDING
    parts = [_part(table, (0, *group), width) for group in groups]
    for number, (part, group) in enumerate(zip(parts, groups)):
        if number:
            names = ", ".join(_text(table.columns[each].header) for each in group)
            part.title = Text(f"... further columns: {names}")
        if number < len(parts) - 1:
            part.caption = None
    return parts


def _need(column: Column) -> int:
    """The least width of a column."""
    cells = [_text(cell) for cell in column.cells]
    longest = max((len(line) for cell in cells for line in cell.splitlines()), default=0)
    words = max((len(word) for word in _text(column.header).split()), default=0)
    if _folds(column):
        return max(words, min(longest, _WISHED_FOLDED))
    return max(words, longest)


def _folds(column: Column) -> bool:
    return column.overflow == "fold"


def _part(table: Table, chosen: Sequence[int], width: int) -> Table:
    """A table of some of the columns, in the style of the whole one."""
    part = Table(
        title=table.title,
        caption=table.caption,
        box=table.box,
        title_justify=table.title_justify,
        caption_justify=table.caption_justify,
    )
    columns: List[Tuple[Column, List[str]]] = []
    for number in chosen:
        column = table.columns[number]
        part.add_column(
            column.header,
            justify=column.justify,
            overflow="fold",
            min_width=None if _folds(column) else min(_need(column), width - _EDGES - _PADDING),
        )
        columns.append((column, list(column.cells)))  # type: ignore[arg-type]
    for index, row in enumerate(table.rows):
        part.add_row(*(cells[index] for _, cells in columns), end_section=row.end_section)
    return part


def _text(value: object) -> str:
    if isinstance(value, Text):
        return value.plain
    return Text.from_markup(str(value)).plain if isinstance(value, str) else str(value)
