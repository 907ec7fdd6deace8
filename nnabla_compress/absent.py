# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A module that does not exist, so that nobody looks for it again.

NNabla's compiled functions import in the way of Python 2: whenever one is called,
``nnabla.nnabla.variable`` is looked for before ``nnabla.variable``, which takes longer than all the
rest of a small function.
"""

from __future__ import annotations

import importlib
import sys

_SOUGHT, _MEANT = "nnabla.nnabla.variable", "nnabla.variable"


def skip_search() -> None:
    """Lets who looks for the module find the one that is meant, at once.

    Example:
        >>> skip_search()
        >>> sys.modules["nnabla.nnabla.variable"] is sys.modules["nnabla.variable"]
        True
    """
    sys.modules[_SOUGHT] = importlib.import_module(_MEANT)
