# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import warnings

import matplotlib
import pytest

from nnabla_compress.report.pictures import label, picture

NAMES = ["$x^{$", r"\frac$1$2\$", "a\x1b[31m\n", "全結合/W", "x" * 5000, r"\$", "$$", "_^{}%&#~"]


@pytest.mark.parametrize("tex", [False, True])
def test_names_of_any_kind_are_drawn_without_a_warning(tmp_path, tex):
    with warnings.catch_warnings(), matplotlib.rc_context({"text.usetex": tex}):
        warnings.simplefilter("error")
        with picture(tmp_path / "names.png", 8, 4) as figure:
            axes = figure.add_subplot()
            axes.set_yticks(range(len(NAMES)), list(map(label, NAMES)))
            texts = [text.get_text() for text in axes.get_yticklabels()]
            axes.set_title(label("a $ title"))
    assert (tmp_path / "names.png").read_bytes()[:4] == b"\x89PNG"
    assert texts[2] == r"a\x1b[31m\n" and texts[3].endswith("/W")
    assert texts[4] == "x" * 29 + "..." + "x" * 28


def test_a_picture_of_thousands_of_rows_is_drawn(tmp_path):
    with picture(tmp_path / "rows.png", 2, 1000) as figure:
        figure.add_subplot()
    assert (tmp_path / "rows.png").stat().st_size > 1000
