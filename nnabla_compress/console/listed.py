# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The plug-ins that there are, and what each tells of itself."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, List, Mapping

from nnabla_compress.console.header import Argument, Header, read_header
from nnabla_compress.console.plugins import NAMES

MENU = ("_Post_Process", "_Compression")
"""Folders of the Console for Windows: the menu of a result, and ours in that."""

# What fields of NNC Desktop hold, by the types of arguments that they can stand for.
_FORMATS = {"model": "path", "csv": "path", "int": "int", "option": "str", "text": "str"}
_FORMATS["float"] = "str"
_NETWORK, _OUTPUT = "model", "output"


@dataclass(frozen=True)
class Listed:
    """A plug-in.

    Args:
        name: That of its file, without an ending.
        path: The file.
        header: What it tells of itself.
        desktop_defaults: By argument what the form of NNC Desktop holds, where it is another one,
            or the argument may be left out elsewhere.
    """

    name: str
    path: Path
    header: Header
    desktop_defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_desktop(self) -> bool:
        """Whether NNC Desktop can show it: it looks at a network of a job."""
        names = [each.name for each in self.header.arguments]
        return _NETWORK in names and _OUTPUT in names

    def parameters(self) -> List[Dict[str, object]]:
        """Returns the fields of its form in NNC Desktop.

        An output ends as the input that comes last, so that the network is that one; what may be
        left empty can't be there.
        """
        own = self.desktop_defaults
        chosen = [
            replace(each, default=own.get(each.name, each.default))
            for each in self.header.arguments
            if each.required or each.name in own
        ]
        chosen.sort(key=lambda each: (each.name == _OUTPUT, each.name == _NETWORK))
        return [_parameter(each) for each in chosen]

    def as_dict(self) -> Dict[str, object]:
        """Returns what JSON can hold."""
        return {
            "name": self.name,
            "title": self.header.title,
            "text": self.header.text,
            "file": str(self.path),
            "nnc_desktop": self.in_desktop,
        }


def _parameter(argument: Argument) -> Dict[str, object]:
    gives = argument.name == _OUTPUT
    default, text = argument.default or "", argument.text
    if argument.choices:
        text = f"{text}: {', '.join(argument.choices)}"
    made: Dict[str, object] = {
        "name": argument.name,
        "direction": "output" if gives else "input",
        "description": f"{text} ({argument.kind})",
        "format": _FORMATS[argument.kind],
        "default": Path(default).stem if gives else default,
    }
    if argument.name == _NETWORK:
        made.update(default="result.nnp", readonly=True)
    return made


def plugins() -> List[Listed]:
    """Returns all plug-ins.

    Example:
        >>> plugins()[0].header.title
        'Weight Compression'
    """
    found: List[Listed] = []
    for name in NAMES:
        module = importlib.import_module(f"nnabla_compress.console.plugins.{name}")
        help_text = module.parser().format_help()
        own = getattr(module, "IN_DESKTOP", {})
        found.append(Listed(name, Path(str(module.__file__)), read_header(help_text), own))
    return found
