# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Messages, their help, and finding ours behind an error of NNabla's engine."""

from __future__ import annotations

import pytest

from nnabla_compress import errors

SUBCLASSES = [
    errors.ConfigError,
    errors.DiskFullError,
    errors.DataError,
    errors.TrainingError,
    errors.UnsupportedFunctionError,
    errors.InfeasibleBudgetError,
    errors.ExportError,
    errors.VerifyError,
]


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_every_error_is_a_compress_error_whose_help_stands_on_a_line_of_its_own(kind):
    error = kind("a is 3, the most is 2.", help="choose 1 or 2")
    assert isinstance(error, errors.CompressError)
    assert str(error) == "a is 3, the most is 2.\nhelp: choose 1 or 2"
    assert (error.message, error.help) == ("a is 3, the most is 2.", "choose 1 or 2")
    assert str(kind("short.")) == "short."


def test_unwrap_finds_ours_however_deep_it_was_wrapped():
    ours = errors.TrainingError("W holds NaN.")
    try:
        try:
            try:
                raise ours
            except errors.CompressError as error:
                raise ValueError("inner") from error
        except ValueError:
            raise SystemError("outer")  # noqa: B904 - as NNabla's engine does, without a cause
    except SystemError as caught:
        assert errors.unwrap(caught) is ours


def test_unwrap_returns_what_holds_none_of_ours():
    other = RuntimeError("x")
    other.__cause__ = ValueError("y")
    assert errors.unwrap(other) is other
    ours = errors.DataError("d")
    assert errors.unwrap(ours) is ours


def test_a_chain_that_closes_upon_itself_is_walked_once():
    first, second = SystemError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert list(errors.causes(first)) == [first, second]
    assert errors.unwrap(first) is first
    itself = SystemError("c")
    itself.__cause__ = itself
    assert errors.unwrap(itself) is itself


def test_an_interrupt_comes_before_an_error_of_ours():
    outer = errors.DataError("can't be run")
    outer.__cause__ = SystemError("error return")
    outer.__cause__.__context__ = stop = KeyboardInterrupt()
    assert errors.unwrap(outer) is stop
    with pytest.raises(KeyboardInterrupt):
        with errors.unwrapped():
            raise outer


def test_what_holds_nothing_of_ours_passes_as_it_is():
    other = RuntimeError("x")
    with pytest.raises(RuntimeError) as caught:
        with errors.unwrapped():
            raise other
    assert caught.value is other and other.__cause__ is None


def test_an_error_is_told_from_one_that_code_of_ours_raises_in_between():
    """A callback of ours that a reader calls is ours, a reader that we call is the reader's."""
    ours = {"__name__": "nnabla_compress.models.nnp"}
    exec("def fail():\n  {}['x']\ndef call(f):\n  f()", ours)
    reader = {"__name__": "nnabla.core.graph_def"}
    exec("def fail():\n  {}['x']\ndef call(f):\n  f()", reader)
    cases = [
        (lambda: ours["call"](reader["fail"]), True),
        (lambda: reader["call"](ours["fail"]), False),
        (lambda: reader["call"](lambda: ours["call"](reader["fail"])), True),
        (ours["fail"], False),
        (lambda: {}["x"], False),
    ]
    for call, expected in cases:
        with pytest.raises(KeyError) as error:
            call()
        assert errors.raised_in(error.value, ("nnabla", "h5py")) is expected
