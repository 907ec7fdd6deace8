# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError


def coded(values, quantizer, name="t"):
    weight = nn.parameter.get_parameter_or_create(f"{name}/W", values.shape, values)
    with nn.parameter_scope(name):
        y = quantizer(weight)
    y.forward()
    return y


@pytest.mark.parametrize("rows", [3, 5, 100])
def test_each_group_is_a_lut_of_its_own(rows, rng):
    values = rng.randn(11, 6).astype(np.float32)
    found = coded(values, Q.RowLUT(bits=2, rows=rows)).d
    for number, start in enumerate(range(0, 11, rows)):
        alone = coded(values[start : start + rows], Q.LUT(bits=2), f"part{number}")
        np.testing.assert_array_equal(found[start : start + rows], alone.d)


def test_rows_of_other_scales_keep_their_values_better_than_in_one_dictionary(rng):
    values = (rng.randn(64, 16) * np.repeat([0.01, 0.1, 1, 10], 16)[:, None]).astype(np.float32)
    errors = []
    for number, quantizer in enumerate((Q.LUT(bits=3), Q.RowLUT(bits=3, rows=16))):
        y = coded(values, quantizer, f"t{number}")
        errors.append((np.square(y.d - values).sum(1) / np.square(values).sum(1)).mean())
    assert errors[1] < 0.1 * errors[0]


@pytest.mark.parametrize("options", [{"bits": 0}, {"rows": 0}, {"rows": 2.5}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="RowLUT: "):
        Q.RowLUT(**options)
