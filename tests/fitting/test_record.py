# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""fit.json is whole, and says what it does not hold."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.fitting.record import NAME, Attempt, FitRecord


def test_it_is_read_as_it_was_written(tmp_path):
    attempt = Attempt("01-x", "as it is", "int8", "what", "why", "key", file=5, ram=7, drop=0.5)
    found = FitRecord({"limits": {}}, {"nnabla": "1"}, "2026-12-31", attempts=[attempt])
    found.write(tmp_path)
    assert FitRecord.read(tmp_path) == found and found.named("01-x").sizes.flash == 5
    found.answer = "01-x"
    assert found.as_dict()["fits"] is True


def test_a_changed_file_is_refused_by_name(tmp_path):
    FitRecord({}, {}, "2026-12-31").write(tmp_path)
    path = tmp_path / NAME
    path.write_text(path.read_text().replace("2026", "2027"))
    with pytest.raises(DataError, match="fit.json"):
        FitRecord.read(tmp_path)
