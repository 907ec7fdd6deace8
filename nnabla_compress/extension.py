# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where NNabla computes: an extension and a device, as a user names them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

import nnabla as nn
from nnabla.ext_utils import get_extension_context

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

_CHOSEN: List[str] = []
_KNOWN = ("cpu", "cuda", "cudnn")


@contextmanager
def computing_on(name: str) -> Iterator[None]:
    """Computes on a device within the block.

    Args:
        name: An extension of NNabla, and the number of the device behind a colon: ``cudnn:1``.

    Raises:
        ConfigError: If it is not installed, or has no such device.

    Example:
        >>> with computing_on("cpu"):
        ...     print(nn.get_current_context().array_class)
        CpuCachedArray
    """
    context = _context(name)
    _CHOSEN.append(name)
    try:
        with nn.context_scope(context):
            yield
    finally:
        _CHOSEN.pop()


@contextmanager
def computing_as_asked(name: Optional[str]) -> Iterator[None]:
    """Computes on a device within the block, unless :func:`computing_on` chose one around it.

    Args:
        name: As there; None for the context that there is.

    Raises:
        ConfigError: As there.

    Example:
        >>> with computing_on("cpu"), computing_as_asked("nowhere"):
        ...     print(nn.get_current_context().array_class)
        CpuCachedArray
    """
    if name is None or _CHOSEN:
        yield
        return
    with computing_on(name):
        yield


def _context(name: str) -> Any:
    extension, _, device = name.partition(":")
    if not extension.isidentifier() or not (device.isdecimal() or device == ""):
        raise ConfigError(f"context is {name!r}.", help="write cpu, cudnn, or cudnn:1")
    try:
        return get_extension_context(extension, device_id=device or "0")
    except Exception as error:  # of the import, or of the driver
        help = (
            "leave the context out, or install the extension: pip install nnabla-compress[cuda116] "
            "or [cuda120]"
        )
        if extension not in _KNOWN:
            help = did_you_mean(extension, _KNOWN)
        raise ConfigError(f"NNabla can't compute on {name}: {error}.", help=help) from error
