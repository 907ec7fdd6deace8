# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables that fit the width there is: no number is ever cut, columns go on below instead."""

from __future__ import annotations

from typing import Any, List, Sequence

from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

from nnabla_compress.names import printable, shortened_words

# Blanks beside a cell with what stands between columns, and those at the edges of a table.
_PADDING = 3
_EDGES = 1
# What a column that may be folded needs at least, and has where there is room.
_LEAST_FOLDED, _WISHED_FOLDED = 12, 28
# Characters of a word, such as a layer's name, that are shown.
_LONGEST_WORD = 100
# Columns that stand in each part, if it takes them to tell the rows apart.
_MOST_KEYS = 3


def fitted(table: Table, width: int) -> List[Table]:
    """Returns a table as it is, or as several one below the other that are narrow enough.

    The first column names the rows and stands in each of them, with the next ones where it takes
    these to tell the rows apart. Columns of ``overflow="fold"`` may
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
    if _width(needs) <= width or len(needs) < 2:
        return [_part(table, range(len(needs)), needs, width)]
    keys = _keys(table)
    if _folds(table.columns[0]):
        needs[0] = min(needs[0], max(_LEAST_FOLDED, width // 3))
    if _width(needs[: keys + 1]) > width:
        keys = 1
    groups: List[List[int]] = []
    for number in range(keys, len(needs)):
        taken = [*range(keys), *(groups[-1] if groups else ()), number]
        if not groups or _width([needs[each] for each in taken]) > width:
            groups.append([])
        groups[-1].append(number)
    parts = [_part(table, (*range(keys), *group), needs, width) for group in groups]
    for number, (part, group) in enumerate(zip(parts, groups)):
        if number:
            names = ", ".join(_text(table.columns[each].header) for each in group)
            part.title = Text(f"... further columns: {names}")
        if number < len(parts) - 1:
            part.caption = None
    return parts


def _keys(table: Table) -> int:
    """How many of the first columns tell the rows apart."""
    rows = list(zip(*([_text(cell) for cell in column.cells] for column in table.columns)))
    for count in range(1, min(_MOST_KEYS, len(table.columns) - 1) + 1):
        if len({row[:count] for row in rows}) == len(rows):
            return count
    return 1


def _width(needs: Sequence[int]) -> int:
    return sum(needs) + _PADDING * len(needs) + _EDGES


def _need(column: Column) -> int:
    """The least width of a column."""
    longest = max(map(cell_len, _lines(column)[1:]), default=0)
    words = max(map(cell_len, _text(column.header).split()), default=0)
    return max(words, min(longest, _WISHED_FOLDED) if _folds(column) else longest)


def _folds(column: Column) -> bool:
    return column.overflow == "fold"


def _part(table: Table, chosen: Sequence[int], needs: Sequence[int], width: int) -> Table:
    """A table of some of the columns, in the style of the whole one."""
    part = Table(
        title=_shown(table.title),
        caption=_shown(table.caption),
        box=table.box,
        title_justify=table.title_justify,
        caption_justify=table.caption_justify,
    )
    columns = [table.columns[number] for number in chosen]
    widths = _widths([needs[number] for number in chosen], columns, width)
    # A title is as wide as its table at most: rich would wrap it above empty space.
    widths[0] += max(0, min(cell_len(_text(table.title or "")), width) - _width(widths))
    for column, size in zip(columns, widths):
        part.add_column(column.header, justify=column.justify, overflow="fold", width=size)
    cells = [[Text(_text(cell)) for cell in column.cells] for column in columns]
    for index, row in enumerate(table.rows):
        part.add_row(*(each[index] for each in cells), end_section=row.end_section)
    return part


def _widths(needs: Sequence[int], columns: Sequence[Column], width: int) -> List[int]:
    """What each column gets: what it needs, and of the rest what it can use, in their order."""
    widths = [max(1, min(need, width - _EDGES - _PADDING)) for need in needs]
    left = width - _width(widths)
    for number, column in enumerate(columns):
        used = max(map(cell_len, _lines(column)), default=0)
        more = max(0, min(used - widths[number], left))
        widths[number], left = widths[number] + more, left - more
    return widths


def _lines(column: Column) -> List[str]:
    """The heading, then the lines of all cells."""
    lines = [line for cell in column.cells for line in _text(cell).splitlines()]
    return [_text(column.header), *lines]


def _shown(heading: Any) -> Any:
    return Text(_text(heading)) if isinstance(heading, Text) else heading


def _text(value: object) -> str:
    """What a cell says: names from anywhere, of any length, that a terminal is not to obey."""
    said = value.plain if isinstance(value, Text) else str(value)
    return shortened_words(printable(said), _LONGEST_WORD)
