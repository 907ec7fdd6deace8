# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.report.page import Reported, page_of
from nnabla_compress.report.page.sections import SECTIONS
from nnabla_compress.report.results import Results
from tests.browser import looked_at, opened
from tests.report.page.material import content, reported

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"\u202egnp\u0000" + "W" * 5000
)
LEAST = {"name": "a", "seed": 0, "versions": {}, "date": "2026-01-01", "float": {}}


def headings(page):
    return re.findall(r"<h2 [^>]*>(.*?)</h2>", page)


def test_every_section_has_something_to_show_and_stands_once():
    found = headings(page_of([reported()]))
    assert len(found) == len(set(found)) == len(SECTIONS)


def test_parts_without_data_are_left_out():
    assert headings(page_of([Reported(Results.from_dict(LEAST))])) == ["Where this is from"]


def test_numbers_of_the_results_stand_in_the_page():
    page = page_of([reported()])
    for number in (
        "93.33 %",
        "before 98.61 %",
        "6.00 kB",
        "7.1 × smaller",
        "10 × larger",
        "20.5 dB",
    ):
        assert number in page, number


def test_a_page_names_nothing_outside_of_itself():
    page = page_of([reported()])
    assert not re.search(r"(?:https?:)?//|<script|@import|url\(", page)
    for value in re.findall(r"""(?:src|href)="([^"]*)\"""", page):
        assert value.startswith(("data:", "#")), value
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy and "default-src 'none'" in policy.group(1) and "script" not in policy.group(1)


@pytest.mark.parametrize("where", ["name", "layer", "class_name"])
def test_names_from_outside_are_text_wherever_they_stand(where):
    page = page_of([reported(**{where: HOSTILE})])
    assert "<script" not in page and "<img src=x" not in page
    assert "\u202e" not in page and "\u0000" not in page
    assert "W" * 200 not in page


def test_several_runs_are_compared():
    other = reported(name="other")
    other.results.compressed.accuracy = 0.9
    other.results.compressed.packed_weight_bytes = 9
    page = page_of([reported(), other, reported()])
    assert headings(page) == ["Comparison"] and "No other is smaller" in page
    assert page.count("float, of net") == 1, "the same float network stands once"
    assert page.count("net (out)") == 2, "runs of one name are told apart"


def test_results_that_are_none_are_refused_with_their_place():
    wrong = Results.from_dict({**content(), "layers": [{"name": "conv"}]})
    with pytest.raises(DataError, match="no report can be made of out"):
        page_of([Reported(wrong, place="out")])


def leaves(part, path=()):
    if isinstance(part, (dict, list)):
        for key, item in part.items() if isinstance(part, dict) else enumerate(part):
            yield from leaves(item, (*path, key))
    else:
        yield path


def test_damaged_results_make_a_page_or_one_clear_message():
    rng = np.random.RandomState(0)
    wrong = [None, "x", -1, 1e300, float("inf"), [], {}, [[1]], True]
    every = list(leaves(content()))
    made = 0
    for number in range(40):
        damaged = content()
        *path, last = every[rng.randint(len(every))]
        part = damaged
        for key in path:
            part = part[key]
        part[last] = wrong[number % len(wrong)]
        try:
            made += "<h1>" in page_of([Reported(Results.from_dict(damaged))])
        except (DataError, TypeError, KeyError) as error:  # of from_dict, which read() words
            assert isinstance(error, DataError) or path[:1] in (["float"], ["compressed"])
    assert 8 < made < 40


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    r, g, b = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_texts_stand_out_from_what_is_behind_them_in_light_and_dark():
    page = page_of([reported()])
    schemes = re.findall(r":root \{(.*?)\}", page, re.S)[:2]
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        pairs = [
            (text, back)
            for text in ("ink", "soft", "blue", "good", "bad")
            for back in ("paper", "panel")
        ]
        pairs += [("good", "goodback"), ("bad", "badback")]
        for text, back in pairs:
            light, dark = sorted((luminance(colours[text]), luminance(colours[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {back}"


@pytest.mark.parametrize("names", [{}, dict.fromkeys(("name", "layer", "class_name"), HOSTILE)])
def test_a_browser_shows_it_without_errors_overflow_or_overlaps(names, tmp_path):
    page = page_of([reported(**names)])
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    shown, logged = opened(tmp_path / "report.html", tmp_path)
    assert not logged and "<script" not in shown and "</html>" in shown
    found, logged = looked_at(page, tmp_path)
    assert not logged
    assert {name: each["wrong"] for name, each in found.items()} == dict.fromkeys(found, [])
    assert len(found) == 4 and all(each["texts"] > 200 for each in found.values())
    assert all(each["scripts"] == 0 for each in found.values())


def test_a_browser_shows_a_comparison_without_errors(tmp_path):
    other = reported(name="other " + "x" * 300)
    found, logged = looked_at(page_of([reported(), other]), tmp_path)
    assert not logged and not any(each["wrong"] for each in found.values())


def test_what_looks_at_pages_finds_what_it_looks_for(tmp_path):
    page = (
        "<body><script>console.error('oh')</script><p style='width:2000px'>wide</p>"
        "<b style='position:absolute;top:90px'>one</b><i style='position:absolute;top:90px'>two</i>"
    )
    found, logged = looked_at(page, tmp_path)
    assert len(logged) == 4
    for each in found.values():
        assert [line.split(":")[0] for line in each["wrong"]] == [
            "the page is 2008 wide",
            "over each other",
        ]
