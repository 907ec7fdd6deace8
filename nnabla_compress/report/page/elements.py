# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Elements of HTML and SVG whose texts are always escaped: names in reports come from anywhere."""

from __future__ import annotations

from typing import Any, Union

from markupsafe import Markup, escape

from nnabla_compress.names import printable, shortened_words

_LONGEST = 120  # characters of a word
Child = Union[str, int, Markup, None]


def element(tag: str, *children: Child, **attributes: Any) -> Markup:
    """Returns an element.

    Args:
        tag: Its name.
        children: What stands in it: other elements, or text, which is escaped, control characters
            spelled out and endless words shortened. None is left out.
        attributes: Of the element, escaped likewise; ``_`` stands for ``-``, one at the end is
            dropped, and None leaves an attribute out.

    Example:
        >>> print(element("p", "a <b>", class_="note", data_x=1, title=None))
        <p class="note" data-x="1">a &lt;b&gt;</p>
        >>> print(element("br"))
        <br>
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(text(child)) for child in children if child is not None)
    if tag in _EMPTY:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{inside}</{tag}>")


_EMPTY = frozenset(("br", "img", "hr"))


def text(content: Child) -> Markup:
    """Returns what may stand in a page: elements as they are, all else escaped.

    Args:
        content: An element, or a text from anywhere.
    """
    return content if isinstance(content, Markup) else escape(shown(content))


def shown(content: Any) -> str:
    r"""Returns a text as it is shown: nothing turns its direction, no word is endless.

    Args:
        content: From anywhere.

    Example:
        >>> print(shown("fc\u202e"), len(shown(1000 * "x")))
        fc\u202e 120
    """
    return shortened_words(printable(str(content)), _LONGEST)
