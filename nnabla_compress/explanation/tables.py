# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a compression lost, as tables in the shell."""

from __future__ import annotations

from typing import List, Sequence

from rich.table import Table

from nnabla_compress.explanation.changes import Change, Changes, ClassChange
from nnabla_compress.report.tables import new_table

_MOST_CLASSES, _MOST_CHANGED = 20, 12


def class_table(found: Sequence[ClassChange], labelled: bool) -> Table:
    """Returns a row for each class, those that lost most first.

    Args:
        found: The classes; the first 20 are shown.
        labelled: Whether there are labels.

    Example:
        >>> class_table([ClassChange("cat", 10, 0.9, 0.7, 2, 0, "dog")], True).row_count
        1
    """
    table = new_table("Classes, the greatest loss first")
    table.add_column("class", overflow="fold")
    table.add_column("samples", justify="right")
    if labelled:
        table.add_column("float", justify="right")
    after = "compressed" if labelled else "as the float network"
    for name in (after, "lost", *(("won",) if labelled else ())):
        table.add_column(name, justify="right")
    table.add_column("taken for, most often", overflow="fold")
    for each in list(found)[:_MOST_CLASSES]:
        table.add_row(
            each.name,
            f"{each.samples:,}",
            *([_percent(each.before)] if labelled else []),
            _percent(each.after),
            f"{each.lost:,}",
            *([f"{each.won:,}"] if labelled else []),
            each.taken_for,
        )
    if len(found) > _MOST_CLASSES:
        table.caption = f"{len(found) - _MOST_CLASSES} more are in explain.json"
    return table


def changed_table(found: Changes) -> Table:
    """Returns a row for each sample that changed its class, the surest losses first.

    Args:
        found: What changed; the first 12 samples are shown.
    """
    changed = found.changed()
    table = new_table("Samples that changed their class, the surest losses first")
    table.add_column("sample", justify="right")
    columns = (["label"] if found.labelled else []) + ["float", "compressed"]
    for name in columns:
        table.add_column(name, overflow="fold")
    for each in changed[:_MOST_CHANGED]:
        table.add_row(*_cells(each, found))
    if len(changed) > _MOST_CHANGED:
        table.caption = f"{len(changed) - _MOST_CHANGED:,} more are in explain.json"
    return table


def summary_lines(found: Changes) -> List[str]:
    """Returns what both networks answer to all samples, in words.

    Args:
        found: What changed.

    Example:
        >>> import numpy as np
        >>> answers = np.eye(2)
        >>> summary_lines(Changes(answers, answers[::-1], np.array([0, 1])))[0]
        'accuracy: 100.00 % float, 0.00 % compressed (2 samples)'
    """
    changed = found.changed()
    lost = sum(each.lost for each in changed)
    count = f"({len(found.labels):,} samples)"
    lines = []
    if found.labelled:
        before, after = _percent(found.accuracy_before), _percent(found.accuracy_after)
        lines.append(f"accuracy: {before} float, {after} compressed {count}")
        count = ""
    words = f"agreement: {_percent(found.agreement)} {count}".rstrip()
    if found.labelled:
        won = int(((found.after == found.labels) & (found.before != found.labels)).sum())
        words += f"; {lost:,} lost, {won:,} won, {len(changed) - lost - won:,} wrong in another way"
    return [*lines, words]


def _cells(each: Change, found: Changes) -> Sequence[str]:
    sure = [
        f"{found.names[answer]} ({_percent(part, 0)})"
        for answer, part in ((each.before, each.sure_before), (each.after, each.sure_after))
    ]
    return [str(each.row), *([found.names[each.label]] if found.labelled else []), *sure]


def _percent(part: float, digits: int = 2) -> str:
    return f"{100 * part:.{digits}f} %"
