# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's decorator hides the layers' docstrings from pytest: their examples are run here."""

from __future__ import annotations

import doctest

import pytest

import nnabla_compress.parametric_functions as CPF


@pytest.mark.parametrize("name", CPF.__all__)
def test_the_example_of_the_docstring_runs(name):
    layer = getattr(CPF, name)
    function = getattr(layer, "__parametric_function_api_base__", layer)
    parser = doctest.DocTestParser()
    example = parser.get_doctest(
        layer.__doc__, {**function.__globals__, name: layer}, name, None, 0
    )
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
