# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A console that cuts no number of a table and leaves no blanks at the ends of lines."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nnabla_compress.names import printable, shortened_words
from nnabla_compress.report.fit import fitted


class FittedConsole(Console):
    """A console of rich that prints a table too wide for it as several, one below the other.

    Example:
        >>> import io
        >>> table = Table(title="Sizes", box=None)
        >>> for name in ("layer", "weights", "bytes"):
        ...     table.add_column(name, justify="right")
        >>> table.add_row("conv1", "1,234,567", "4,938,268")
        >>> narrow = FittedConsole(file=io.StringIO(), width=20)
        >>> narrow.print(table)
        >>> [line for line in narrow.file.getvalue().splitlines() if "," in line]
        [' conv1  1,234,567', ' conv1  4,938,268']
    """

    def __init__(self, **options: Any) -> None:
        # Names come from files: brackets and colons in them are no markup and no emoji.
        super().__init__(**{"markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Makes rich's text of a text, control characters spelled out and endless names cut."""
        return super().render_str(shortened_words(printable(text)), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as rich does, tables so that they fit.

        What a ``Text`` says is for other programs, too: it stays whole, whatever its length.
        """
        if self.is_terminal:
            super().print(*self._narrow(objects), **options)
            return
        with self.capture() as captured:
            super().print(*self._narrow(objects), **options)
        self.file.write("\n".join(line.rstrip(" ") for line in captured.get().split("\n")))
        self.file.flush()

    def _narrow(self, objects: Any) -> Any:
        for each in objects:
            if isinstance(each, Table):
                yield from fitted(each, self.width)
            else:
                yield Text(printable(each.plain)) if isinstance(each, Text) else each
