# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-ins put into the folder where the Console for Windows looks for them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import List

from nnabla_compress.console.listed import MENU, plugins
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import atomic_path


def install_windows(folder: Path) -> List[Path]:
    """Copies all plug-ins.

    Args:
        folder: Console's folder of plug-ins, ``neural_network_console/libs/plugins``.

    Returns:
        The files written.

    Raises:
        ConfigError: If there is no such folder, or it can't be written to.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}.",
            help="give Console's folder of plug-ins: neural_network_console/libs/plugins",
        )
    written: List[Path] = []
    for plugin in plugins():
        target = folder.joinpath(*MENU, plugin.path.name)
        with atomic_path(target) as temporary:
            shutil.copyfile(plugin.path, temporary)
        written.append(target)
    return written
