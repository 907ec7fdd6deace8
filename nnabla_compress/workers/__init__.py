# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Work that is shared: by one process, by several, or by a Ray cluster, with the same results."""

from __future__ import annotations

from nnabla_compress.workers.choose import workers
from nnabla_compress.workers.interface import Failed, Workers, done

__all__ = ["Failed", "Workers", "done", "workers"]
