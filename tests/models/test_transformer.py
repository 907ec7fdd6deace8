# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The Transformer of the zoo: what it computes, and its way to a device."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models.transformer import _attention, transformer
from nnabla_compress.simulator import Machine

SMALL = {"vocabulary": 10, "width": 8, "depth": 1, "heads": 2}


def tokens(rows, length=6):
    x = nn.Variable((rows, length))
    x.d = np.random.RandomState(0).randint(0, 10, x.shape)
    return x


def test_its_attention_is_that_of_nnabla():
    x = nn.Variable((2, 5, 8))
    x.d = np.random.RandomState(0).randn(*x.shape)
    ours = _attention(x, 2)
    own = nn.get_parameters()
    turned = nn.Variable((5, 2, 8))
    turned.d = x.d.transpose(1, 0, 2)
    theirs, _ = PF.multi_head_attention(turned, turned, turned, 2, name="theirs")
    made = nn.get_parameters()
    for name, short in (("query", "q"), ("key", "k"), ("value", "v"), ("out", "out")):
        for kind, end in (("W", "weight"), ("b", "bias")):
            value = np.random.RandomState(len(name)).randn(*own[f"{name}/affine/{kind}"].shape)
            own[f"{name}/affine/{kind}"].d = value
            made[f"theirs/multi_head_attention/{short}_{end}"].d = value
    nn.forward_all([ours, theirs])
    np.testing.assert_allclose(ours.d, theirs.d.transpose(1, 0, 2), rtol=1e-4, atol=1e-5)


def test_samples_do_not_see_each_other():
    x, one = tokens(4), nn.Variable((1, 6))
    y = transformer(x, 3, test=True, **SMALL)
    alone = transformer(one, 3, test=True, **SMALL)
    one.d = x.d[2:3]
    nn.forward_all([y, alone])
    np.testing.assert_allclose(y.d[2:3], alone.d, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", [None, "lut:bits=4"])
def test_it_reaches_the_device_with_its_table_of_tokens(rule, tmp_path):
    x = tokens(1)
    y = transformer(x, 3, test=True, **SMALL)
    if rule is not None:
        y = compress(y, rule)
    report = export_nnp(tmp_path / "net.nnp", y, x)
    if rule is not None:
        names = {row.name for row in report.rows if row.quantizer}
        assert "embed/embed" in names and "block1/query/affine" in names
    y.forward()
    got = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")).run([x.d])[0]
    np.testing.assert_allclose(got, y.d, atol=1e-4)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"width": 6, "heads": 4}, "width=6 is no multiple of heads=4"),
        ({"depth": 0}, "depth=0 must be a whole number"),
        ({"dropout": 1}, "dropout=1 must be"),
    ],
)
def test_options_out_of_their_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        transformer(nn.Variable((1, 6)), 3, **options)


def test_images_are_refused():
    with pytest.raises(ConfigError, match=r"needs sequences .* \(1, 3, 8, 8\)"):
        transformer(nn.Variable((1, 3, 8, 8)), 3)
