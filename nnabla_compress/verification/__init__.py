# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether a network, its .nnp, its .nnb and the C runtime compute the same."""

from __future__ import annotations

from nnabla_compress.verification.engines import Engine
from nnabla_compress.verification.files import verify_files
from nnabla_compress.verification.report import Comparison, Verification
from nnabla_compress.verification.samples import Samples

__all__ = [
    "Comparison",
    "Engine",
    "Samples",
    "Verification",
    "verify_files",
]
