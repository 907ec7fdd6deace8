# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What long work says, on a terminal and elsewhere; short work says nothing."""

from __future__ import annotations

import io

import pytest

from nnabla_compress import progress
from nnabla_compress.cli import progress as shown
from nnabla_compress.cli.fitted_console import FittedConsole


def console(terminal=False, width=80):
    return FittedConsole(file=io.StringIO(), width=width, force_terminal=terminal, soft_wrap=True)


@pytest.fixture()
def clock(monkeypatch):
    """A clock that runs a second a look, and timers that never ring."""
    now = [0.0]

    def look():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(shown.time, "monotonic", look)
    monkeypatch.setattr(shown, "_after", lambda seconds, call: None if seconds else call())


def test_long_work_has_a_line_each_tenth_with_the_time_left(clock):
    to = console()
    with shown.ShownProgress(to):
        for _ in progress.tracked("scoring", range(20), 20):
            pass
    lines = to.file.getvalue().splitlines()
    assert lines[0] == "scoring: 2/20 (10%, 18 s left)"
    assert lines[-1].startswith("scoring: 20/20 (100%, ")
    assert len(lines) == 10


def test_short_work_says_nothing():
    to = console()
    with shown.ShownProgress(to):
        for _ in progress.tracked("scoring", range(20), 20):
            pass
        with progress.stage("writing"):
            pass
    assert to.file.getvalue() == ""


def test_work_of_unknown_length_tells_its_name_once_it_takes_long(monkeypatch):
    to = console()
    monkeypatch.setattr(shown, "_after", lambda seconds, call: call())
    with shown.ShownProgress(to), progress.stage("writing net.nnb"):
        pass
    assert to.file.getvalue() == "writing net.nnb ...\n"


def test_a_training_is_shown_from_its_first_update():
    to = console()
    with shown.ShownProgress(to) as bars:
        update = bars.announce("float", 4)
        for done in range(1, 5):
            update(done, 4, {"loss": 0.5})
    assert to.file.getvalue().splitlines()[0].startswith("float: 1/4 (25%")
    assert "loss 0.5" in to.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_bars_on_a_terminal_cut_no_number(width):
    to = console(terminal=True, width=width)
    with shown.ShownProgress(to) as bars:
        update = bars.announce("compressed", 100_000)
        update(99_999, 100_000, {"loss": 0.0003773, "error": 0.125, "validation": 0.9931})
        update(100_000, 100_000, {"loss": 0.0003773, "error": 0.125, "validation": 0.9931})
    text = to.file.getvalue()
    assert "100000/100000" in text and "…" not in text


def test_nothing_is_announced_where_nobody_listens():
    assert list(progress.tracked("scoring", "ab", 2)) == ["a", "b"]


@pytest.mark.parametrize("terminal", [True, False])
def test_names_of_any_kind_are_shown_as_they_are(clock, terminal):
    to = console(terminal, width=120)
    with shown.ShownProgress(to) as progress_shown:
        for name in ("[bold]a[/nope].nnp", "b\x1b[31m", "c" * 5000):
            step = progress_shown.announce(f"writing {name}", 2)
            step(1, 2, {"[/x]": 1.0})
            step(2, 2, {"[/x]": 1.0})
    said = to.file.getvalue()
    assert "[bold]a[/nope].nnp" in said and "b\\x1b[31m" in said and "\x1b[31m" not in said
    assert "ccc...ccc" in said and "[/x] 1" in said
