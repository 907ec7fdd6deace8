# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import LUT, PQ, RowLUT
from nnabla_compress.quantizers.base import registered
from nnabla_compress.row_codes import RowCodes


def node_of(quantizer, rng):
    nn.clear_parameters()
    w = nn.parameter.get_parameter_or_create("W", (10, 6), rng.randn(10, 6))
    node = quantizer(w)
    node.forward()
    return node


@pytest.mark.parametrize("quantizer", [PQ(bits=2, length=4), RowLUT(bits=2, rows=4)])
def test_codes_of_rows_are_told_of_and_decode_to_the_output(quantizer, rng):
    node = node_of(quantizer, rng)
    codes = type(quantizer).encode(node.parent)
    assert type(quantizer).codes_rows and isinstance(codes, RowCodes)
    assert codes.row_codes() is codes and codes.shape == (10, 6)
    np.testing.assert_array_equal(codes.decode(), node.d)
    parts = np.concatenate([part for _, part in codes.decoded()])
    np.testing.assert_array_equal(parts, node.d)
    assert type(quantizer).of(node.parent.info.args) == quantizer


def test_codes_of_single_numbers_become_codes_of_rows(rng):
    node = node_of(LUT(bits=2), rng)
    assert not LUT.codes_rows
    np.testing.assert_array_equal(LUT.encode(node.parent).row_codes().decode(), node.d)


@pytest.mark.parametrize(
    "name", [kind.type_name for kind in registered().values() if kind.codes_rows]
)
def test_options_are_whole_numbers_within_their_range(name):
    kind = {each.type_name: each for each in registered().values()}[name]
    for option, most in kind.most.items():
        for value, said in ((0, "the range is 1 to"), (most + 1, "the range"), (True, "is True")):
            with pytest.raises(ConfigError, match=f"{name}: {option} .*{said}"):
                kind(**{option: value})
        assert getattr(kind(**{option: np.int64(1)}), option) == 1
