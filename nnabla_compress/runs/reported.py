# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The report of a run folder: what its files hold, as one page; nothing is computed for it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from markupsafe import Markup

from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.files import atomic_path
from nnabla_compress.reading import read_bytes, read_json
from nnabla_compress.report.page import NAME as REPORT
from nnabla_compress.report.page import Reported, page_of
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.runs.measured import CHANGED
from nnabla_compress.safe_names import shell_word
from nnabla_compress.search.sensitivity import Sensitivities

__all__ = [
    "FINDINGS",
    "REPORT",
    "VERIFICATION",
    "renew_report",
    "reported_run",
    "reported_table",
    "write_report",
]

VERIFICATION, FINDINGS = "verification.json", "diagnosis.json"
"""What verbs leave in a run folder for its report."""
SENSITIVITY = "sensitivity.json"
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PICTURES, _PICTURE_BYTES = 60, 2**18


def reported_run(folder: Path, results: Optional[Results] = None) -> Reported:
    """Returns what a report of a run folder is about.

    Args:
        folder: The run folder, or a ``results.json``.
        results: Its results, where they are known.

    Raises:
        DataError: If it holds no results, or a file is damaged.
    """
    if results is None:
        results = Results.read(folder)
    folder = folder if folder.is_dir() else folder.parent
    made = Reported(results, shell_word(folder))
    made.pictures = _pictures(folder, results)
    if (folder / SENSITIVITY).is_file():
        made.sensitivities = _rows_of(folder / SENSITIVITY)
    made.verification = _kept(folder / VERIFICATION, dict)
    made.diagnosis = _kept(folder / FINDINGS, dict)
    return made


def reported_table(path: Path) -> Reported:
    """Returns what a report of a ``sensitivity.json`` is about.

    Args:
        path: The file.

    Raises:
        DataError: If it is none.
    """
    found = Sensitivities.read(path)
    results = Results(str(found.recipe.get("name", path.stem)), 0, {}, "")
    results.float = NetworkResults(found.accuracy, found.loss, found.samples)
    results.float.parameters = found.parameters or None
    results.float.macs = found.macs or None
    return Reported(
        results, shell_word(path), sensitivities=[vars(row) for row in found.rows], of_file=True
    )


def renew_report(folder: Path) -> None:
    """Writes the report of a run folder again, with what other verbs found since.

    Args:
        folder: The run folder.

    Raises:
        CompressError: If its files are damaged, or it can't be written to.
    """
    write_report([reported_run(folder)], folder / REPORT)


def write_report(every: Sequence[Reported], path: Path) -> None:
    """Writes a report.

    Args:
        every: What it is about.
        path: The file.

    Raises:
        CompressError: If a run's files are damaged, or it can't be written.
    """
    page = page_of(every)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _rows_of(path: Path) -> List[Dict[str, Any]]:
    return [vars(row) for row in Sensitivities.read(path).rows]


def _pictures(folder: Path, results: Results) -> Dict[int, Markup]:
    """The pictures of samples whose class changed, as data URIs."""
    found = {}
    changed = (results.changes or {}).get("changed", ())
    for row in list(changed)[:_MOST_PICTURES]:
        number = row.get("row") if isinstance(row, dict) else None
        path = folder / CHANGED / f"{number}.png"
        if isinstance(number, int) and path.is_file():
            try:
                content = read_bytes(path, _PICTURE_BYTES)
            except (CompressError, OSError):
                continue
            if content.startswith(_PNG):
                text = base64.b64encode(content).decode("ascii")
                found[number] = Markup(f"data:image/png;base64,{text}")  # of letters only
    return found


def _kept(path: Path, kind: type) -> Any:
    """What another verb left, None where it left nothing."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"can't read {path}: {error}.", help=f"remove {path}") from error
    if not isinstance(content, kind):
        raise DataError(f"{path} holds something else.", help=f"remove {path}")
    return content
