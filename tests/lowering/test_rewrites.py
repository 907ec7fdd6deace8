# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions that runtimes lack, written with functions that they have, through whole exports."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.inspection.obstacles import refuse_missing
from nnabla_compress.models import NnpFile
from nnabla_compress.simulator import Machine
from tests.graph.networks import forward, values
from tests.models.others import attention, embedding, parameter, samples


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_a_product_of_two_variables_is_exported_as_sums(first, second, tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 3, 4, 5))
    a = F.tanh(F.transpose(x, (0, 1, 3, 2)) if first else x)
    b = F.sigmoid(x if second else F.transpose(x, (0, 1, 3, 2)))
    y = F.batch_matmul(a, b, transpose_a=first, transpose_b=second)
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    made = NnpFile(tmp_path / "net.nnp").build(x=x).output
    np.testing.assert_allclose(forward(made), expected, rtol=1e-5)
    assert "BatchMatmul" not in {f.info.type_name for f in functions([made])}
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    np.testing.assert_allclose(machine.run([x.d])[0], expected, rtol=1e-5)


@pytest.mark.parametrize("apart", [(0,), (0, 1)])
@pytest.mark.parametrize("left_out", [{}, {"no_scale": True}, {"no_bias": True}])
def test_a_layer_normalization_is_exported_as_sums_and_products(apart, left_out, tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 3, 5))
    y = PF.layer_normalization(x, batch_axis=apart, **left_out)
    for parameter_ in nn.get_parameters().values():
        parameter_.d = np.random.RandomState(1).rand(*parameter_.shape)
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    np.testing.assert_allclose(machine.run([x.d])[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("build,below", [(attention, 0), (embedding, 20)])
@pytest.mark.parametrize("rule", [None, "lut:bits=4", "affine:bits=8,axis=1"])
def test_attention_and_embeddings_reach_the_device(build, below, rule, tmp_path):
    x, y = build()
    if rule is not None:
        y = compress(y, rule)
    report = export_nnp(tmp_path / "net.nnp", y, x)
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert not rule or all(row.quantizer for row in report.rows)
    for row in samples(x, below=below)["x"][:5]:
        x.d = row[None]
        np.testing.assert_allclose(machine.run([x.d])[0], forward(y), atol=1e-5)


def test_every_row_of_a_table_is_found(tmp_path):
    x = nn.Variable((1, 20))
    y = F.embed(x, parameter("table", 20, 4))
    x.d = np.random.RandomState(0).permutation(20)
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    np.testing.assert_array_equal(
        forward(NnpFile(tmp_path / "net.nnp").build(x=x).output), expected
    )


@pytest.mark.parametrize("target", ["portable", "int8", "integer", "callback"])
def test_a_function_that_a_target_lacks_is_refused_with_its_place(target):
    x = nn.Variable((1, 6))
    y = PF.affine(F.sin(PF.affine(x, 5, name="a")), 3, name="b")
    with pytest.raises(UnsupportedFunctionError, match=f"'{target}' has no function Sin.*a/affine"):
        refuse_missing([y], [x], target)


def test_what_an_export_rewrites_or_computes_once_is_not_refused():
    x = nn.Variable((1, 4, 6))
    h = PF.affine(F.relu6(x) + F.sin(parameter("p", 1, 4, 6)), 5, base_axis=2, name="a")
    h = PF.batch_normalization(h, axes=[1], batch_stat=False, name="n")
    y = PF.affine(F.batch_matmul(h, h, transpose_b=True), 3, name="b")
    refuse_missing([F.softmax(y)], [x], "portable")


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_a_soft_plus_is_exported_for_numbers_of_any_size(beta, tmp_path):
    x = nn.Variable.from_numpy_array(np.float32([[-300, -20, -1, 0, 0.5, 20, 300]]))
    y = F.softplus(x, beta)
    export_nnp(tmp_path / "net.nnp", y, x)
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    expected = np.logaddexp(0, beta * x.d.astype(np.float64)) / beta
    np.testing.assert_allclose(machine.run([x.d])[0], expected, rtol=1e-6, atol=1e-8)
