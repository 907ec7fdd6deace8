# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a plug-in tells of itself: the form that Neural Network Console makes of its ``--help``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from nnabla_compress.errors import DataError

TYPES = (
    "bool",
    "csv",
    "dir",
    "file",
    "float",
    "image",
    "int",
    "label",
    "model",
    "nntxt",
    "option",
    "text",
    "variable",
)
"""Types of arguments that forms have fields for."""

_SECTION = re.compile(r"^(?:options|optional arguments):$", re.M)
_FLAGS = re.compile(
    r"^ {2}(?P<short>-\w+)(?: \S+)?, --(?P<name>[\w-]+)(?: \S+)?(?:\s{2,}(?P<text>\S.*))?$"
)
_ABOUT = re.compile(
    r"(?P<text>.*?)\s*\((?P<kind>[a-z]+)(?::(?P<choices>[^)]*))?\)(?:,?\s*default=(?P<default>.*))?$",
    re.S,
)


@dataclass(frozen=True)
class Argument:
    """One field of the form.

    Args:
        name: Its long flag without dashes, which is its label.
        kind: One of ``TYPES``.
        text: What it is, in words.
        required: Whether it can't be left empty.
        default: What it holds at first, if anything.
        choices: What can be chosen, for an option.
    """

    name: str
    kind: str
    text: str
    required: bool
    default: Optional[str] = None
    choices: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """The form of a plug-in.

    Args:
        title: Its name in the menu.
        text: What it does, shown in the dialog.
        arguments: Its fields.
    """

    title: str
    text: str
    arguments: Tuple[Argument, ...]


def read_header(help_text: str) -> Header:
    """Reads what ``argparse`` prints for ``--help``.

    Args:
        help_text: All of it.

    Raises:
        DataError: If it is no header of a plug-in.

    Example:
        >>> found = read_header('''usage: x.py [-h] -m MODEL
        ...
        ... Title
        ...
        ... What it does.
        ...
        ... options:
        ...   -h, --help            show this help message and exit
        ...   -m MODEL, --model MODEL
        ...                         the network (model) default=results.nnp
        ... ''')
        >>> found.title, found.arguments[0].name, found.arguments[0].default
        ('Title', 'model', 'results.nnp')
    """
    before, *rest = _SECTION.split(help_text, 1)
    usage, blank, about = before.partition("\n\n")
    if not rest or not blank or not about.strip():
        raise DataError("this is no header of a plug-in: it has no title and no arguments.")
    title, _, text = about.strip().partition("\n")
    # What stands in brackets in the usage can be left out.
    flags = re.sub(r"^usage: \S+|\[[^\]]*\]", "", usage)
    needed = re.findall(r"(?<!\S)(-[\w-]+)", flags)
    arguments: List[Argument] = []
    for short, name, said in _fields(rest[0]):
        if name != "help":
            required = short in needed or f"--{name}" in needed
            arguments.append(_argument(name, said, required))
    return Header(title.strip(), text.strip(), tuple(arguments))


def _fields(section: str) -> List[Tuple[str, str, str]]:
    """The short flag, the long flag and the text of each argument."""
    found: List[Tuple[str, str, str]] = []
    for line in section.splitlines():
        match = _FLAGS.match(line)
        if match:
            found.append((match["short"], match["name"], match["text"] or ""))
        elif found and line.strip():
            short, name, said = found[-1]
            found[-1] = short, name, f"{said} {line.strip()}".strip()
    return found


def _argument(name: str, said: str, required: bool) -> Argument:
    match = _ABOUT.match(said)
    if match is None or match["kind"] not in TYPES:
        raise DataError(
            f"argument {name!r} of a plug-in tells no type: {said!r}.",
            help=f"end its help with one of {', '.join(TYPES)} in brackets, then default=...",
        )
    choices = tuple(match["choices"].split(",")) if match["choices"] else ()
    return Argument(name, match["kind"], match["text"], required, match["default"], choices)
