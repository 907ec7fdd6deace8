# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the docstring of a class says: what it is for, and what each of its options means."""

from __future__ import annotations

import inspect
import re
from typing import Any, Dict, List, NamedTuple, Tuple

_SECTION = re.compile(r"([A-Z][a-z]+):$")
_YAML = {"None": "`null`", "True": "`true`", "False": "`false`"}
_ENTRY = re.compile(r"(\w+)(?: \(([^)]+)\))?: *(.*)$")


class Meaning(NamedTuple):
    """What a docstring says of an option.

    Args:
        text: The words, as Markdown.
        type: Its type where the docstring says one, as in ``bits (integer): ...``.
    """

    text: str
    type: str = ""


def summary(kind: Any, *, yaml: bool = True) -> str:
    """Returns what stands before the sections of a docstring, as Markdown.

    Args:
        kind: The class, or a function.
        yaml: Whether it is for readers of recipes: ``null`` and ``true`` for ``None`` and ``True``.

    Example:
        >>> summary(Meaning)
        'What a docstring says of an option.'
    """
    lines: List[str] = []
    for line in _lines(kind):
        if _SECTION.match(line):
            break
        lines.append(line)
    paragraphs = re.split(r"\n{2,}", "\n".join(lines).strip())
    return "\n\n".join(_markdown(paragraph, yaml) for paragraph in paragraphs)


def meanings(kind: type) -> Dict[str, Meaning]:
    """Returns what the ``Args:`` of a class and of its bases say, by the name of the option.

    Args:
        kind: The class; what it says counts more than what its bases say.

    Example:
        >>> meanings(Meaning)["text"]
        Meaning(text='The words, as Markdown.', type='')
    """
    found: Dict[str, Meaning] = {}
    for base in reversed(kind.__mro__):
        found.update(_own_meanings(base))
    return found


def _own_meanings(kind: type) -> Dict[str, Meaning]:
    entries: Dict[str, Tuple[str, List[str]]] = {}
    section, words = "", []  # type: str, List[str]
    for line in _lines(kind):
        header = _SECTION.match(line)
        if header:
            section = header.group(1)
            continue
        entry = _ENTRY.match(line[4:]) if line.startswith("    ") else None
        if section == "Args" and entry:
            name, type_, text = entry.groups()
            words = [text]
            entries[name] = (type_ or "", words)
        elif section == "Args" and line.strip():
            words.append(line)
    return {
        name: Meaning(_markdown("\n".join(text)), type_) for name, (type_, text) in entries.items()
    }


def _lines(kind: Any) -> List[str]:
    # Not inherited: the docstring of a base says what the base is for.
    own = vars(kind).get("__doc__") if isinstance(kind, type) else kind.__doc__
    return inspect.cleandoc(own or "").splitlines()


def _markdown(text: str, yaml: bool = True) -> str:
    """Text of a docstring in one line, with names as Markdown and values as YAML has them."""
    text = " ".join(text.split())
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    text = re.sub(r"``\"([^`\"]*)\"``", r"`\1`", text).replace("``", "`")
    if not yaml:
        return text
    return re.sub(r"\b(?:None|True|False)\b", lambda word: _YAML[word.group()], text)
