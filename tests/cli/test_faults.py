# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What users are told of what ended a verb."""

from __future__ import annotations

import click
import pytest

from nnabla_compress.cli.faults import fault
from nnabla_compress.errors import ConfigError


@pytest.mark.parametrize(
    "error, words, status",
    [
        (ConfigError("it is.\nhelp: x", help="mend it"), "it is.\n  help: x\nhelp: mend it", 1),
        (click.UsageError("no such option"), "no such option", 2),
        (SystemExit(3), "", 3),
        (click.exceptions.Exit(4), "", 4),
        (MemoryError("1 GB"), "out of memory: 1 GB", 1),
        (FileNotFoundError(2, "No such file", "a.nnp"), "a.nnp: No such file", 1),
        (KeyError("a"), "internal error: KeyError", 1),
    ],
)
def test_each_error_is_one_message_and_a_status(error, words, status, monkeypatch):
    monkeypatch.delenv("NNABLA_COMPRESS_TRACEBACK", raising=False)
    said, number = fault(error)
    assert (words in said) if words else not said
    assert number == status


def test_a_defect_shows_its_traceback_if_that_is_wanted(monkeypatch):
    monkeypatch.setenv("NNABLA_COMPRESS_TRACEBACK", "1")
    with pytest.raises(KeyError):
        fault(KeyError("a"))
    assert fault(ConfigError("bad"))[1] == 1
