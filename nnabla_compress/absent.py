# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Modules that do not exist, so that nobody looks for them again.

NNabla's compiled modules import in the way of Python 2: whenever they make a function or hand out
an array, ``nnabla.nnabla`` is looked for before ``nnabla``, which takes longer than all the rest of
a small function. Here they find at once what they mean.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_PACKAGES = {"nnabla.nnabla": "nnabla", "nnabla.nnabla_ext": "nnabla_ext"}
_MODULES = {
    "nnabla.nnabla.functions": "nnabla.functions",
    "nnabla.nnabla.variable": "nnabla.variable",
    "nnabla.nnabla_ext.cpu": "nnabla_ext.cpu",
}


class _StandIn(ModuleType):
    """Has what a package has, but no path: none of its modules is loaded again below this name."""

    def __init__(self, name: str, meant: ModuleType) -> None:
        super().__init__(name)
        self._meant = meant

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # these are of the package itself
            raise AttributeError(name)
        return getattr(self._meant, name)


def end_searches() -> None:
    """Lets who looks for the modules find those that are meant.

    Example:
        >>> end_searches()
        >>> sys.modules["nnabla.nnabla.variable"] is sys.modules["nnabla.variable"]
        True
    """
    for sought, meant in _PACKAGES.items():
        sys.modules[sought] = _StandIn(sought, importlib.import_module(meant))
    for sought, meant in _MODULES.items():
        sys.modules[sought] = importlib.import_module(meant)
