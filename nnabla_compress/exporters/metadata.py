# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export notes in its ``.nnp``, in a member that NNabla's readers pass over."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Dict

from nnabla_compress.limits import Limits
from nnabla_compress.reading import open_file, parse_json, read_member

METADATA = "nnabla_compress.json"
# It holds how packed weights are made up, too: so much of what a file may unpack to.
_PART = 8


def read_metadata(path: Path) -> Dict[str, Any]:
    """Returns what an export noted in its ``.nnp``.

    Args:
        path: The file, of any tool.

    Returns:
        The notes; none where there are none, or nothing that can be understood: the networks of
        such a file can be read all the same.
    """
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            if archive.getinfo(METADATA).file_size > Limits.of(path.stat().st_size).bytes // _PART:
                return {}
            found = parse_json(read_member(archive, METADATA).decode("utf-8"))
    except Exception:  # zipfile, zlib and struct have errors of their own; texts may be nested deep
        return {}
    return found if isinstance(found, dict) else {}
