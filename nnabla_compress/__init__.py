# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compression of NNabla networks: quantizers as layers, solvers that train them, exact exports.

>>> import nnabla_compress.parametric_functions as CPF
>>> import nnabla_compress.quantizers as Q
>>> import nnabla_compress.solvers as CS
>>> from nnabla_compress import compress  # a network that exists, by rules
>>> from nnabla_compress import save  # what nnabla.utils.save can't write
>>> from nnabla_compress import exclusive  # for scripts of several threads
"""

from __future__ import annotations

from typing import Any, List

from nnabla_compress._version import __version__

__all__ = ["__version__", "compress", "exclusive", "save"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: they need NNabla, this package does not.
    if name == "compress":
        from nnabla_compress.compression import compress

        return compress
    if name == "exclusive":
        from nnabla_compress.turns import exclusive

        return exclusive
    if name == "save":
        from nnabla_compress.saving import save

        return save
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
