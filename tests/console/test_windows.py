# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-ins in the folder of the Console for Windows."""

from __future__ import annotations

import pytest

from nnabla_compress.console.plugins import NAMES
from nnabla_compress.console.windows import install_windows
from nnabla_compress.errors import ConfigError


def test_all_scripts_are_copied_to_one_menu_of_results(tmp_path):
    written = install_windows(tmp_path)
    assert install_windows(tmp_path) == written, "again, over the old ones"
    menu = tmp_path / "_Post_Process" / "_Compression"
    assert sorted(menu.iterdir()) == sorted(written)
    assert sorted(menu.glob("[A-Za-z]*.py")) == sorted(menu / f"{name}.py" for name in NAMES)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no folder .*plugins"):
        install_windows(tmp_path / "plugins")
