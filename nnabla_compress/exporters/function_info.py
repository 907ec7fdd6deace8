# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What NNabla's converter knows of functions, without the YAML that it goes through each time."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Dict, Iterator

import nnabla.utils.converter
import nnabla.utils.converter.utils as tables


@lru_cache(maxsize=None)
def function_info() -> Dict[str, Any]:
    """Returns what ``nnabla.utils.converter.get_function_info`` does, to be read only.

    NNabla writes its table as YAML, and reads that again, at each conversion.

    Example:
        >>> function_info()["ReLU"]["c_runtime"]
        'support'
    """
    tables.func_set_init(lambda: None)()  # loads the table once a process
    found: Dict[str, Any] = OrderedDict()
    for category in tables._nnabla_func_info.values():
        found.update(category)
    return found


@contextmanager
def quick_converter() -> Iterator[None]:
    """Lets NNabla's converter take :func:`function_info` within the block."""
    before = nnabla.utils.converter.get_function_info
    nnabla.utils.converter.get_function_info = function_info
    try:
        yield
    finally:
        nnabla.utils.converter.get_function_info = before
