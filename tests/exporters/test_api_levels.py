# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What runtimes of lower API levels lack is written another way, or refused."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.api_levels import lost_arguments, released_note
from nnabla_compress.nnb import read_nnb
from nnabla_compress.simulator import Machine


def average(x, including_pad=False, **options):
    options = {"pad": (1, 1), "stride": (1, 1), **options}
    return F.average_pooling(x, (3, 3), including_pad=including_pad, **options)


def on_the_runtime(folder, y, x, api, **options):
    report = export_nnp(folder / "net.nnp", {"y": y}, {"x": x}, api=api, **options)
    machine = Machine(export_nnb(folder / "net.nnb", folder / "net.nnp", api=api))
    assert machine.network.api_level == api
    return report, machine


@pytest.mark.parametrize("api", [1, 3, 4, 44])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": (2, 2)},
        {"pad": (0, 2), "stride": (2, 3)},
        {"stride": (2, 2), "ignore_border": False},
        {"including_pad": True},
        {"pad": (0, 0), "ignore_border": False, "stride": (2, 2)},
    ],
)
def test_averages_without_padding_are_those_of_nnabla_at_every_level(tmp_path, api, options):
    x = nn.Variable((1, 2, 6, 5))
    y = average(x, **options)
    _, machine = on_the_runtime(tmp_path, y, x, api)
    x.d = np.random.RandomState(0).randn(*x.shape)
    y.forward()
    np.testing.assert_array_equal(machine.run([x.d])[0], y.d)


def test_a_level_that_has_the_argument_keeps_the_function(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 2, 6, 6))
    for api, types in ((4, ["AveragePooling"]), (3, ["SumPooling", "Div2"])):
        _, machine = on_the_runtime(tmp_path, average(x), x, api)
        assert [function.type_name for function in machine.network.functions] == types


@pytest.mark.parametrize("target, error", [("int16", 0.001), ("int8", 0.05)])
def test_integer_networks_average_without_padding_too(tmp_path, target, error):
    nn.clear_parameters()
    x = nn.Variable((1, 3, 8, 8))
    h = average(F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c")))
    y = PF.affine(average(h, stride=(2, 2)), 5, name="f")
    samples = np.random.RandomState(0).randn(32, 3, 8, 8)
    _, machine = on_the_runtime(tmp_path, y, x, 3, target=target, samples={"x": samples})
    got, expected = machine.run_many([samples])[0], []
    for sample in samples:
        x.d = sample
        y.forward()
        expected.append(np.array(y.d[0]))
    assert np.std(got - np.stack(expected)) < error * np.std(expected)


def test_a_deconvolution_needs_no_output_padding_to_be_right(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 2, 4, 4))
    y = PF.deconvolution(x, 3, (3, 3), pad=(1, 1), stride=(2, 2), output_padding=(1, 1))
    _, machine = on_the_runtime(tmp_path, y, x, 1)
    x.d = np.random.RandomState(0).randn(*x.shape)
    y.forward()
    np.testing.assert_allclose(machine.run([x.d])[0], y.d, rtol=1e-5, atol=1e-6)


def test_a_file_of_a_higher_level_is_not_converted_to_other_values(tmp_path):
    x = nn.Variable((1, 1, 4, 4))
    export_nnp(tmp_path / "net.nnp", {"y": average(x)}, {"x": x})
    with pytest.raises(UnsupportedFunctionError, match="including_pad=False needs an API") as said:
        export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", api=3)
    assert "export the .nnp with --api 3" in str(said.value.help)
    assert not (tmp_path / "net.nnb").exists()
    assert read_nnb(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", api=4)).api_level == 4


def test_level_45_is_noted(tmp_path):
    x = nn.Variable((1, 2))
    report, machine = on_the_runtime(tmp_path, F.relu(x), x, 45)
    assert "refuses levels above 44" in report.notes[-1]
    assert any("refuses levels above 44" in warning for warning in machine.warnings)
    assert released_note(44) == []


def test_arguments_that_change_nothing_are_not_lost():
    assert lost_arguments("Reshape", {"shape": (1, 2), "inplace": True}, 1) == []
    assert lost_arguments("Convolution", {"channel_last": False}, 1) == []
    assert lost_arguments("Convolution", {"channel_last": True}, 1) == ["channel_last"]
    assert lost_arguments("Convolution", {"channel_last": True}, 4) == []
    assert lost_arguments("Max", {"with_index": True, "only_index": False}, 1) == ["with_index"]
    assert lost_arguments("SoftPlus", {"beta": 2.0}, 20) == ["beta"]
    assert lost_arguments("Affine", {"base_axis": 1}, 1) == []
