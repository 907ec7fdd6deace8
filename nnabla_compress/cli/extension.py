# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where NNabla computes: an extension and a device, as a user names them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import nnabla as nn
from nnabla.ext_utils import get_extension_context

from nnabla_compress.errors import ConfigError


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
    extension, _, device = name.partition(":")
    if not extension.isidentifier() or not (device.isdecimal() or device == ""):
        raise ConfigError(f"--context is {name!r}.", help="write cpu, cudnn, or cudnn:1")
    try:
        context = get_extension_context(extension, device_id=device or "0")
    except Exception as error:  # of the import, or of the driver
        raise ConfigError(
            f"NNabla can't compute on {name}: {error}.",
            help="leave --context out, or install the extension: pip install "
            "nnabla-compress[cuda116] or [cuda120]",
        ) from error
    with nn.context_scope(context):
        yield
