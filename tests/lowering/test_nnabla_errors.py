# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.lowering.nnabla_errors import reason, told_as


def test_the_failed_check_is_the_reason():
    error = RuntimeError("value error in setup_impl\nFailed `a == b`: shapes differ.")
    assert reason(error) == "RuntimeError: Failed `a == b`: shapes differ"
    assert reason(ValueError()) == "ValueError"


def test_what_nnabla_raises_becomes_an_error_with_help():
    with pytest.raises(ExportError, match="it can't be run: ValueError: wrong shape.") as caught:
        with told_as(ExportError, "it can't be run", "try another shape"):
            raise ValueError("wrong shape")
    assert "try another shape" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_ours_that_nnabla_wrapped_passes_as_it_is():
    ours = ConfigError("W holds NaN.")
    with pytest.raises(ConfigError) as caught:
        with told_as(ExportError, "it can't be run", "try another shape"):
            raise SystemError("error return") from ours
    assert caught.value is ours
