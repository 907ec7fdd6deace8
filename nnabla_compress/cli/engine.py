# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the verbs share: NNabla without its greeting, two consoles, and how far the work is."""

from __future__ import annotations

import logging
import os
import sys

# NNabla greets on import; a table or JSON on standard output shall not be mixed with that.
logging.disable(logging.INFO)
import nnabla  # noqa: E402, F401

logging.disable(logging.NOTSET)

from nnabla_compress.cli.console import FittedConsole  # noqa: E402
from nnabla_compress.cli.progress import ShownProgress  # noqa: E402

__all__ = ["console", "messages", "progress"]

# A file or a pipe has no width: tables are as wide as they need to be, unless COLUMNS says one.
_WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160

console = FittedConsole(highlight=False, width=_WIDE)
messages = FittedConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

progress = ShownProgress(messages)
