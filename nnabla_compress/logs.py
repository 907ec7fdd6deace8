# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Keeping NNabla's own log lines away from a user who did not ask for them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import Iterator

from nnabla.logger import logger


@contextmanager
def quiet(level: int = logging.ERROR) -> Iterator[None]:
    """Silences NNabla's logger below ``level`` within the block.

    Example:
        >>> with quiet():
        ...     logger.info("not printed")
    """
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
