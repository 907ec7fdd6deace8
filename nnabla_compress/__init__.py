# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compression of NNabla networks: quantizers as layers, solvers that train them, exact exports.

>>> import nnabla_compress.parametric_functions as CPF
>>> import nnabla_compress.quantizers as Q
>>> import nnabla_compress.solvers as CS
>>> from nnabla_compress import compress  # a network that exists, by rules
"""

from __future__ import annotations

from typing import Any, List

from nnabla_compress._version import __version__

__all__ = ["__version__", "compress"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: it needs NNabla and the recipes, this package does not.
    if name == "compress":
        from nnabla_compress.compression import compress

        return compress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
