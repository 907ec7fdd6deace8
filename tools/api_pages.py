# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The API pages in docs/api: of each public part its names, and what their docstrings say first.

What a part promises are the names of its ``__all__``. On GitHub a page is a table; Sphinx puts the
whole docstrings below it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from nnabla_compress.recipes.docstrings import summary

PACKAGE = "nnabla_compress"
PARTS = (
    "",
    "parametric_functions",
    "functions",
    "quantizers",
    "solvers",
    "regularizers",
    "models",
    "parsimonious",
    "data",
    "embeddings",
    "training",
    "training.terms",
    "training.stopping",
    "transforms",
    "transforms.factors",
    "importances",
    "decompositions",
    "calibration",
    "search",
    "recipes",
    "runs",
    "fitting",
    "anytime",
    "sweeping",
    "exporters",
    "targets",
    "nnb",
    "simulator",
    "verification",
    "device",
    "inspection",
    "analysis",
    "explanation",
    "graph",
    "workers",
    "errors",
)
HEAD = """# API

What a script may rely on: the names of these parts, each one's `__all__`. All else is inside and
may change. Examples import some under short names: `CPF`, `CF`, `Q`, `R`, and `CS` for the solvers.

| part | what it holds |
|---|---|
"""


def name_of(part: str) -> str:
    """Returns the full name of a part."""
    return f"{PACKAGE}.{part}" if part else PACKAGE


def pages(folder: Path) -> Dict[Path, str]:
    """Returns the text of each page by its path.

    Args:
        folder: Where they are to be.
    """
    rows = []
    found = {}
    for part in PARTS:
        module = importlib.import_module(name_of(part))
        file = f"{part or PACKAGE}.md"
        rows.append(f"| [`{name_of(part)}`]({file}) | {_cell(_first(module))} |")
        found[folder / file] = page(part)
    names = [part or PACKAGE for part in PARTS]
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
    found[folder / "index.md"] = f"{HEAD}{chr(10).join(rows)}\n\n{toctree}\n"
    return found


def page(part: str) -> str:
    """Returns the page of one part.

    Args:
        part: Its name behind that of the package; empty for the package itself.
    """
    full = name_of(part)
    module = importlib.import_module(full)
    lines = [f"# {full}", "", _first(module), "", "| name | what it is |", "|---|---|"]
    elsewhere = []
    for name in sorted(module.__all__, key=str.lower):
        text = _cell(said(module, name) or "")
        home = _within(part, name)
        if home is not None:
            elsewhere.append(name)
            text += f" See [{home}]({home}.md)."
        lines.append(f"| `{name}` | {text} |")
    lines += ["", "```{eval-rst}", f".. automodule:: {full}", "   :members:"]
    if elsewhere:
        lines.append(f"   :exclude-members: {', '.join(elsewhere)}")
    lines.append("```")
    return "\n".join(lines) + "\n"


def _within(part: str, name: str) -> Optional[str]:
    """The part within a part that promises the same thing under the same name, if there is one."""
    value = getattr(importlib.import_module(name_of(part)), name)
    for other in PARTS:
        inner = importlib.import_module(name_of(other))
        if part and other.startswith(f"{part}.") and getattr(inner, name, None) is value:
            return other
    return None


def said(module: Any, name: str) -> Optional[str]:
    """Returns the first sentence about a name, or None if nothing is said.

    Args:
        module: Where it is public.
        name: Of a class or a function, whose docstring counts, or of a value, for which it is the
            string behind its assignment, where it is made.
    """
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        return _sentence(summary(value, yaml=False)) if own else None
    text = _said_of_value(module, name)
    return None if text is None else _sentence(" ".join(inspect.cleandoc(text).split()))


def _said_of_value(module: Any, name: str) -> Optional[str]:
    body = ast.parse(inspect.getsource(module)).body
    for statement, behind in zip(body, [*body[1:], None]):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name and statement.module:
                    return _said_of_value(importlib.import_module(statement.module), alias.name)
        elif name in _assigned(statement):
            if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
                return str(behind.value.value)
            return None
    return None


def _assigned(statement: ast.stmt) -> Iterator[str]:
    targets: List[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return (target.id for target in targets if isinstance(target, ast.Name))


def _first(module: Any) -> str:
    return summary(module, yaml=False).split("\n\n")[0].split(">>>")[0].strip()


def _sentence(text: str) -> str:
    """The first sentence: up to a full stop with a blank behind it."""
    return text.split("\n")[0].split(". ")[0].rstrip(".") + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
