# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which folders a run may be written to: new ones, empty ones, and those of a run."""

from __future__ import annotations

from pathlib import Path

from nnabla_compress.errors import ConfigError
from nnabla_compress.safe_names import shell_word

# What a run leaves in its folder when it is stopped, by the names without endings.
_OF_A_RUN = (
    *("float", "results", "compressed", "steps", "recipe", "source", "bits", "export"),
    *("report", "changed", "verification", "diagnosis"),
)
_SHOWN = 3


def refuse_foreign(folder: Path) -> None:
    """Refuses a folder that holds files of others, among which those of a run would get lost.

    Args:
        folder: Where a run is to be written.

    Raises:
        ConfigError: If it is a file, or holds anything that no run wrote; hidden files don't count.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"{folder} is a file, and a run is written to a folder.",
            help="choose a folder with -o, a new one or an empty one",
        )
    if not folder.is_dir():
        return
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if {"recipe.yaml", "results.json"} & set(names):
        return
    others = [name for name in names if name.split(".")[0] not in _OF_A_RUN]
    if others:
        shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        raise ConfigError(
            f"{folder} holds other files ({shown}), and no run.",
            help=f"choose a new folder, such as -o {shell_word(folder / 'run')}",
        )
