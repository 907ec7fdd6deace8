# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``report.html``: one file with what a run did and what it brought, for any browser."""

from __future__ import annotations

from nnabla_compress.report.page.page import NAME, page_of
from nnabla_compress.report.page.section import Reported

__all__ = ["NAME", "Reported", "page_of"]
