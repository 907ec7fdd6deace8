# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""C99 kernels for layers with packed weights, and where their source files are."""

from __future__ import annotations

from pathlib import Path
from typing import List, Union

from nnabla_compress.files import atomic_path

KERNELS = (
    *("packed_kernels.c", "packed_kernels.h"),
    *("packed_dot.h", "packed_wide.h", "packed_depthwise.h"),
)
GLUE = (
    *("packed_nnablart.c", "packed_nnablart.h", "packed_image.h", "packed_between.h"),
    *("packed_rows.h", "packed_table.h"),
)
EXAMPLE = ("packed_main.c",)
TABLE = ("packed_table.c", "packed_table.h", "packed_rows.h")
"""Embed on tables of codes; they need no other file."""
CODE_BYTES = 9_976
"""What glue, exact and integer kernels take of a Cortex-M4F's flash, see docs/c_kernels.md."""
INT8_CODE_BYTES = 6_128
"""What the kernels from int8 to int8 take beside them."""
EMBED_CODE_BYTES = 1_368
"""What Embed on tables of codes takes beside them."""


def source_folder() -> Path:
    """Returns the folder that holds the source files.

    Example:
        >>> (source_folder() / KERNELS[0]).is_file()
        True
    """
    return Path(__file__).parent


def copy_sources(folder: Union[str, Path]) -> List[Path]:
    """Copies the kernels, their glue to the C runtime and an example program into a folder.

    Args:
        folder: Where to; made if it is missing. Files of the same names are replaced.

    Returns:
        The paths of the copies.

    Raises:
        ConfigError: If the folder can't be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in copy_sources(folder)][:3]
        ['packed_kernels.c', 'packed_kernels.h', 'packed_dot.h']
    """
    copies = []
    for name in (*KERNELS, *GLUE, *EXAMPLE):
        with atomic_path(Path(folder) / name) as temporary:
            temporary.write_bytes((source_folder() / name).read_bytes())
        copies.append(Path(folder) / name)
    return copies
