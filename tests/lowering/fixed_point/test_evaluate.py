# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.lowering.fixed_point.evaluate import copy_of, evaluate, feeds, rows_among
from nnabla_compress.simulator import Machine


def batches(samples, most=10, rows=4):
    x = nn.Variable((1, 2))
    return [feed[x] for feed in feeds({"x": x}, {"x": samples}, most, rows, "int8")]


def test_samples_come_in_batches():
    found = batches(np.arange(12).reshape(6, 2))
    assert [array.tolist() for array in found] == [
        [[0, 1], [2, 3], [4, 5], [6, 7]],
        [[8, 9], [10, 11]],
    ]


def test_of_many_samples_some_from_all_over_are_used():
    found = np.concatenate(batches(np.arange(2000).reshape(1000, 2), most=5))
    assert found[:, 0].tolist() == [0, 498, 998, 1498, 1998]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((0, 2)), "input x has none"),
        (np.zeros((4, 3)), r"have the shape \(4, 3\), expected \(rows, 2\)"),
        (np.float32([[1, np.nan]]), "NaN"),
    ],
)
def test_samples_that_do_not_fit_are_refused(samples, message):
    with pytest.raises(ConfigError, match=message):
        batches(samples)


def test_functions_that_write_into_their_input_do_not():
    x = nn.Variable((1, 2))
    h = F.tanh(x)
    y = F.add2(F.relu(h, inplace=True), h)
    (got,) = evaluate([y], {x: np.float32([[-1, 1]])}, copy_of)
    assert np.allclose(got, [[-np.tanh(1), 2 * np.tanh(1)]])


@pytest.mark.parametrize(
    ("widths", "mode", "value"),
    [
        ((0, 1, 2, 0), "constant", 0.0),
        ((1, 2), "constant", -3.5),
        ((1, 0, 0, 0, 2, 1), "constant", 1.0),
        ((1, 1, 2, 2), "reflect", 0.0),
        ((1, 1, 2, 2), "repeat", 0.0),
    ],
)
def test_padding_is_that_of_nnabla(widths, mode, value):
    x = nn.Variable((1, 2, 3, 4))
    y = F.pad(x, widths, mode, constant_value=value)
    samples = np.random.RandomState(0).randn(3, 2, 3, 4).astype(np.float32)
    (got,) = evaluate([y], {x: samples}, lambda function, inputs: None)
    own = nn.Variable.from_numpy_array(samples)
    expected = F.pad(own, widths, mode, constant_value=value)
    expected.forward()
    assert got.dtype == np.float32 and np.array_equal(got, expected.d)


def test_a_network_for_one_batch_size_is_refused():
    x = nn.Variable((1, 2))
    y = F.add2(F.reshape(x, (2, 1)), nn.Variable((2, 1)))
    with pytest.raises(ExportError, match="can't be run on 3 samples at once"):
        evaluate([y], {x: np.zeros((3, 2), np.float32)}, copy_of)


def test_a_batch_that_is_written_into_the_network_is_kept():
    x = nn.Variable((2, 3))
    y = F.concatenate(x, nn.Variable.from_numpy_array(np.ones((2, 1))), axis=1)
    samples = {"x": np.arange(15).reshape(5, 3)}
    found = [feed[x][:, 0].tolist() for feed in feeds({"x": x}, samples, 5, 4, "int8", [y])]
    assert found == [[0, 3], [6, 9]]
    one = {"x": samples["x"][:1]}
    found = [feed[x][:, 0].tolist() for feed in feeds({"x": x}, one, 5, 4, "int8", [y])]
    assert found == [[0, 0]], "a batch is filled where there are too few"


@pytest.mark.parametrize("target, least", [("int8", 20), ("int16", 60), ("integer", 60)])
def test_a_network_with_a_batch_in_it_is_exported(tmp_path, target, least):
    rng = np.random.RandomState(0)
    x = nn.Variable((1, 6))
    h = F.concatenate(F.relu(PF.affine(x, 6, name="a")), F.constant(0.5, (1, 4)), axis=1)
    y = PF.affine(h, 3, name="b")
    samples = {"x": rng.randn(64, 6).astype(np.float32)}
    report = export_nnp(tmp_path / "net.nnp", y, x, target=target, samples=samples)
    assert any("too few to correct biases" in note for note in report.notes) == (target == "int8")
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    wanted, got = [], []
    for row in samples["x"]:
        x.d = row[None]
        y.forward()
        wanted.append(y.d.copy())
        got.append(machine.run([row[None]])[0])
    error = np.square(np.subtract(got, wanted)).mean()
    assert 10 * np.log10(np.square(wanted).mean() / max(error, 1e-30)) > least


def test_values_keep_no_graph_behind_them():
    x, seen = nn.Variable((1, 2)), []

    def compute(function, inputs):
        seen.extend(variable.parent for variable in inputs)

    (y,) = evaluate([F.relu(F.tanh(x))], {x: np.ones((3, 2), np.float32)}, compute)
    np.testing.assert_array_equal(y, np.tanh(np.ones((3, 2), np.float32)))
    assert seen == [None, None]


def test_an_output_that_others_read_keeps_its_values():
    x = nn.Variable((1, 2))
    h = F.mul_scalar(x, 2)
    values = np.float32([[0.5, -1]])
    found = evaluate([h, F.relu(h), x], {x: values}, lambda function, inputs: None)
    assert [array.tolist() for array in found] == [[[1, -2]], [[1, 0]], [[0.5, -1]]]


def test_rows_of_a_feed_are_found_in_batches_that_hold_them_in_this_order():
    x, z = nn.Variable((1, 2)), nn.Variable((1,))

    def feed(*rows):
        return {x: np.float32([[row, 0] for row in rows]), z: np.float32(rows)}

    batches = [feed(1, 2, 3), feed(4, 5)]
    found = rows_among(feed(1, 3, 5), batches)
    assert [rows.tolist() for rows in found] == [[0, 2], [1]]
    assert rows_among(feed(1, 6), batches) is None
    assert rows_among({x: batches[0][x], z: batches[0][z] + 1}, batches) is None
