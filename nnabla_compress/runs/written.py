# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Checksums of the files that a run exported, in a file beside them.

They are taken back before the files change and written when all are there, so that a run that is
killed in between leaves none instead of wrong ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Optional

from nnabla_compress.checksums import checksum_of, damaged, read_record, write_record
from nnabla_compress.errors import DataError

NAME = "checksums.json"
_NETWORKS = (".nnp", ".nnb")
_HELP = (
    "'nnabla-compress run -o FOLDER --resume' writes the same again, for a result of 'ptq' "
    "'nnabla-compress ptq' with another folder; if the file was changed on purpose, remove "
    f"{NAME}"
)


def note_checksums(folder: Path) -> None:
    """Notes the checksums of all results in a folder.

    Args:
        folder: The folder.

    Raises:
        ConfigError: If they can't be written.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in _NETWORKS)
    files += [path for path in [folder / "results.json"] if path.is_file()]
    write_record(folder / NAME, {"files": {path.name: checksum_of(path) for path in files}})


def forget_checksums(folder: Path, stem: Optional[str] = None) -> None:
    """Takes checksums back, because other files are written to a folder.

    Args:
        folder: The folder.
        stem: Only of files that are called so, up to their endings.

    Raises:
        ConfigError: If what is left of them can't be written.
    """
    path = folder / NAME
    if not path.is_file():
        return
    if stem is None:
        path.unlink()
    else:
        files = read_record(path, _HELP).get("files", {})
        left = {name: found for name, found in files.items() if name.split(".")[0] != stem}
        write_record(path, {"files": left})


def check_written(paths: Iterable[Optional[Path]]) -> None:
    """Refuses exported files that are not as they were written.

    Args:
        paths: Files; those that no checksum was noted of are passed over.

    Raises:
        DataError: With the name of the first such file.
    """
    for path in paths:
        if path is None or not path.is_file() or not path.with_name(NAME).is_file():
            continue
        stated = read_record(path.with_name(NAME), _HELP).get("files")
        if not isinstance(stated, dict):
            raise DataError(f"{path.with_name(NAME)} holds no checksums.", help=_HELP)
        if path.name in stated and stated[path.name] != checksum_of(path):
            raise damaged(path, _HELP)
