# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures without a screen, with names from anywhere in them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Union

from nnabla_compress.files import atomic_path
from nnabla_compress.names import shortened

_LONGEST = 60  # characters of a label
_DOTS = 120  # an inch
_MOST_DOTS = 2**15  # along a side: twice this is more than the renderer takes


@contextmanager
def picture(path: Union[str, Path], width: float, height: float, **options: Any) -> Iterator[Any]:
    """Gives an empty figure and writes it as a PNG file when the block ends.

    Names in it are text, whatever the user's settings say of TeX.

    Args:
        path: The file.
        width: In inches, as ``height``.
        height: Likewise.
        options: More of matplotlib's ``Figure``.

    Yields:
        The figure.

    Raises:
        ConfigError: If the file can't be written.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it announces its caches
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"text.usetex": False}):
        figure = Figure(figsize=(width, height), **options)
        FigureCanvasAgg(figure)
        yield figure
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=min(_DOTS, _MOST_DOTS / max(width, height)))


def label(name: str) -> str:
    r"""Returns a name as a text of matplotlib's: no formula, and of letters that its font has.

    Args:
        name: From anywhere; what the font lacks is spelled out, as control characters are.

    Example:
        >>> print(label("cost $x^{$\n"), label("\u5168/W"))
        cost \$x^{\$\n \u5168/W
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    drawn = "".join(
        c
        if c.isprintable() and font.get_char_index(ord(c))
        else c.encode("unicode_escape").decode("ascii")
        for c in shortened(name, _LONGEST)
    )
    return drawn.replace("$", r"\$")  # which would begin a formula
