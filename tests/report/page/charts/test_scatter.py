# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from nnabla_compress.report.page.charts.scatter import Point, scatter


def labels(*points):
    drawn = str(scatter("all", [Point(*point) for point in points], "kB", "%"))
    assert drawn.count("<circle") == len(points)
    return re.findall(r'class="tick strong[^>]*>([^<]+)<', drawn)


def test_networks_at_nearly_one_place_share_a_label():
    assert labels(("a", 24.82, 98.6), ("A", 4, 90), ("b", 24.89, 98.6)) == ["A", "a b"]
    assert labels(("a", 24.82, 98.6), ("b", 24.82, 90)) == ["a", "b"]


def test_the_best_may_lie_at_one_place():
    assert labels(("A", 4, 90), ("B", 4, 90)) == ["A B"]
