# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.errors import ExportError
from nnabla_compress.graph import functions
from nnabla_compress.lowering.fixed_point.calibration import Spread
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key
from nnabla_compress.lowering.fixed_point.positions import fraction_bits


def chosen(y, largest, bits=8, headroom=0):
    """Fraction bits of variables by hand-given largest values; others hold nothing."""
    fixed = {key(v) for f in functions([y]) for v in (*f.inputs, *f.outputs)}
    spreads = {}
    for variable, value in largest.items():
        spreads[key(variable)] = Spread(bits)
        spreads[key(variable)].add(np.float32([value]))
    found = fraction_bits(FixedPointGraph([y], fixed), spreads, bits, {}, headroom)
    return lambda variable: found[key(variable)]


def test_values_take_the_finest_format_that_holds_them():
    x = nn.Variable((1, 2))
    y = F.relu(x)
    for largest, bits, expected in [
        (127, 8, 0),
        (1, 8, 6),
        (0.9, 8, 7),
        (1, 16, 14),
        (1e-9, 8, 15),
    ]:
        assert chosen(y, {x: largest, y: largest}, bits)(x) == expected


def test_headroom_keeps_bits_free():
    x = nn.Variable((1, 2))
    y = F.relu(x)
    assert chosen(y, {x: 0.9, y: 0.9}, headroom=1)(x) == 6


def test_additions_and_moves_share_one_format():
    a, b = nn.Variable((1, 2)), nn.Variable((1, 2))
    total = F.add2(a, b)
    y = F.reshape(F.concatenate(total, total, axis=1), (2, 2), inplace=False)
    p = chosen(y, {a: 0.5, b: 3, total: 3.5, y: 3.5})
    assert p(a) == p(b) == p(total) == p(y) == 5


def test_a_layer_is_no_finer_than_its_products():
    x, w, b = nn.Variable((1, 2)), nn.Variable((2, 3)), nn.Variable((3,))
    y = F.affine(x, w, b)
    z = F.add2(y, y)
    p = chosen(z, {x: 100, w: 60, y: 0.001, b: 0.001, z: 0.002})
    assert (p(x), p(w), p(y), p(b), p(z)) == (0, 1, 1, 1, 1)


def test_a_relu_shifts_by_six_bits_at_most():
    x = nn.Variable((1, 2))
    h = F.relu(x)
    y = F.add2(h, h)
    p = chosen(y, {x: 0.01, h: 0.01, y: 100})
    assert (p(h), p(y), p(x)) == (0, 0, 6)


def test_least_error_gives_up_what_is_rare():
    x = nn.Variable((1, 2))
    y = F.relu(x)
    spread = Spread(8)
    spread.add(np.concatenate([np.linspace(-0.9, 0.9, 100000), [1.001]]))
    graph = FixedPointGraph([y], {key(x), key(y)})
    assert fraction_bits(graph, {key(x): spread}, 8, {})[key(x)] == 7
    assert fraction_bits(graph, {key(x): spread}, 8, {}, headroom=0)[key(x)] == 6


def test_values_beyond_all_formats_are_refused_by_name():
    x = nn.Variable((1, 2))
    x.name = "x"
    y = F.relu(x)
    message = "what ReLU before the first layer gives reaches 1000, integers of 8 bits hold up to"
    with pytest.raises(ExportError, match=message):
        chosen(y, {y: 1000})
    with pytest.raises(ExportError, match="fc/W reaches 4e"):
        spread = Spread(16)
        spread.add(np.float32([4e6]))
        fraction_bits(FixedPointGraph([y], {key(x)}), {key(x): spread}, 16, {key(x): "fc/W"})
