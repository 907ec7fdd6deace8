# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names of any script, where NNabla's variables take ASCII only.

Each part of a path is written in Punycode (RFC 3492) with the prefix that domain names have. A name
tells its original by itself: no table is kept beside it.
"""

from __future__ import annotations

import re
from typing import Collection
from unicodedata import category

_PREFIX = "xn--"


def ascii_name(name: str) -> str:
    """Returns a name as NNabla's variables take it; ASCII names stay as they are.

    Args:
        name: A name or a path.

    Example:
        >>> ascii_name("c1/conv/W"), ascii_name("全結合/affine/W")
        ('c1/conv/W', 'xn--15qv7d292d/affine/W')
    """
    if name.isascii():
        return name
    return "/".join(map(_encoded, name.split("/")))


def shown_name(name: str) -> str:
    """Returns the original of a name that :func:`ascii_name` returned; others stay.

    Args:
        name: A name or a path.

    Example:
        >>> shown_name("xn--15qv7d292d/affine/W")
        '全結合/affine/W'
    """
    if _PREFIX not in name:
        return name
    return "/".join(map(_decoded, name.split("/")))


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Returns a name that is not taken: the one wanted, or that with a number.

    Args:
        wanted: The name.
        taken: Names that are.

    Example:
        >>> free_name("b", ["a", "b", "b_2"])
        'b_3'
    """
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _encoded(part: str) -> str:
    return part if part.isascii() else _PREFIX + part.encode("punycode").decode("ascii")


def _decoded(part: str) -> str:
    if not part.startswith(_PREFIX):
        return part
    try:
        original = part[len(_PREFIX) :].encode("ascii").decode("punycode")
    except UnicodeError:
        return part
    # What another tool called so stays as it is.
    return original if _encoded(original) == part else part


def shortened(text: str, limit: int = 100) -> str:
    """Returns a text, or its two ends where it is longer than a reader can use.

    Args:
        text: A name from anywhere; names that differ do so at either end, as a rule.
        limit: Most characters.

    Example:
        >>> shortened("block1/" + 5000 * "x" + "/W", limit=20)
        'block1/xx...xxxxxx/W'
    """
    if len(text) <= limit:
        return text
    head = (limit - 3 + 1) // 2
    return f"{text[:head]}...{text[len(text) - (limit - 3 - head) :]}"


def shortened_words(text: str, limit: int = 300) -> str:
    """Returns a message whose words are shortened where one is longer than a reader can use.

    Args:
        text: Words, separated by white space.
        limit: Most characters of a word.

    Example:
        >>> shortened_words("layer " + 5000 * "x" + " has NaN", limit=9)
        'layer xxx...xxx has NaN'
    """
    return re.sub(rf"\S{{{limit},}}", lambda word: shortened(word.group(), limit), text)


def printable(text: str) -> str:
    r"""Returns a text whose control characters are spelled out, so that a terminal obeys none.

    Args:
        text: With names from anywhere; line breaks and tabs stay.

    Example:
        >>> print(printable("red \x1b[31m, line\n  two"))
        red \x1b[31m, line
          two
    """
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in "\n\t" or is_shown(character):
        return character
    return character.encode("unicode_escape").decode("ascii")


def is_shown(character: str) -> bool:
    """Returns whether a character stands for itself, where text is shown; line breaks don't.

    Args:
        character: One of a name; blanks of any script do, what turns the direction doesn't.

    Example:
        >>> is_shown("全"), is_shown("\u3000"), is_shown("\u202e")
        (True, True, False)
    """
    return character.isprintable() or category(character) == "Zs"
