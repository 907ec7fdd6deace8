# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Forms of factorization: which layers take the place of one, one form a file."""

from __future__ import annotations

from nnabla_compress.transforms.factors import (  # noqa: F401 - they make themselves known
    channel,
    cpd3,
    spatial,
    svd,
    svd_convolution,
    tucker,
)
from nnabla_compress.transforms.factors.form import FORMS, Form, Ranks
from nnabla_compress.transforms.factors.kernel import Kernel, Piece

__all__ = ["FORMS", "Form", "Kernel", "Piece", "Ranks"]
