# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compression of NNabla networks: quantizers as layers, solvers that train them, exact exports.

>>> import nnabla_compress.parametric_functions as CPF
>>> import nnabla_compress.quantizers as Q
>>> import nnabla_compress.solvers as CS
"""

from __future__ import annotations

from nnabla_compress._version import __version__

__all__ = ["__version__"]
