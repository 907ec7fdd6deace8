# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The plug-ins for Neural Network Console, as the command line lists them."""

from __future__ import annotations

import io

from nnabla_compress.cli.fitted_console import FittedConsole
from nnabla_compress.report.plugins import plugin_table


def test_a_row_has_the_first_line_of_what_it_does():
    row = {"title": "T", "name": "script", "text": "First.\nSecond.", "nnc_desktop": False}
    shown = FittedConsole(file=io.StringIO(), width=80)
    shown.print(plugin_table([row]))
    text = shown.file.getvalue()
    assert "script.py" in text and "First." in text and "no" in text and "Second" not in text
