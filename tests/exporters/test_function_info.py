# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The converter's table is NNabla's own, without YAML in between."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import nnabla.utils.converter
import nnabla.utils.converter.utils as tables

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.function_info import function_info


def assert_the_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_the_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for first, second in zip(a, b):
            assert_the_same(first, second)
    else:
        assert a == b


def test_it_is_nnablas_own_in_values_types_and_order():
    assert_the_same(function_info(), nnabla.utils.converter.get_function_info())


def test_a_conversion_writes_and_reads_no_yaml_of_functions(tmp_path, monkeypatch):
    def refuse():
        raise AssertionError("the table went through YAML")

    monkeypatch.setattr(tables, "get_category_info", refuse)
    own = nnabla.utils.converter.get_function_info
    x = nn.Variable((1, 4))
    export_nnp(tmp_path / "a.nnp", PF.affine(x, 2, name="fc"), x)
    assert export_nnb(tmp_path / "a.nnb", tmp_path / "a.nnp").stat().st_size > 0
    assert nnabla.utils.converter.get_function_info is own
