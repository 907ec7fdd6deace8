# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
import zipfile
from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.exporters import export_nnp
from nnabla_compress.exporters.archive import (
    add_metadata,
    name_graph,
    write_and_read_back,
)
from nnabla_compress.exporters.converter_settings import carried_types
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.constants import constant
from nnabla_compress.quantizers import LUT, Uniform, prepare
from tests.graph.networks import values


def test_two_parameters_of_one_path_get_a_number():
    x = nn.Variable((1, 3))
    a, b = constant(values(3, 3), "f/W"), constant(values(3, 3, seed=1), "f/W")
    graph = name_graph({"x": x}, {"y": F.affine(F.affine(F.affine(x, a), b), a)}, {}, {})
    assert graph.parameters == {"f/W": a, "f/W_2": b}


def test_variables_of_other_types_are_named_and_the_types_travel_in_the_file(tmp_path):
    x = nn.Variable((1, 3))
    codes = constant(values(3, 2), "f/W")
    y = F.affine(F.sign(x), codes)
    sign = y.parent.inputs[0]
    graph = name_graph({"x": x}, {"y": y}, {}, {codes: "FIXED8_0", sign: "FIXED8_1"})
    assert graph.types == {"f/W": "FIXED8_0", "Sign_out": "FIXED8_1"}
    write_and_read_back(tmp_path / "net.nnp", graph, 1, [])
    add_metadata(tmp_path / "net.nnp", {}, graph.types)
    assert carried_types(tmp_path / "net.nnp") == graph.types


def test_what_is_written_is_read_at_another_batch_size_outside_all_scopes(tmp_path):
    x = nn.Variable((1, 3))
    y = F.tanh(F.affine(x, constant(values(3, 2), "f/W")))
    graph = name_graph({"x": x}, {"y": y}, {}, {})
    assert write_and_read_back(tmp_path / "net.nnp", graph, 1, [[values(1, 3)]])
    assert nn.get_parameters(grad_only=False) == {}
    network = NnpLoader(str(tmp_path / "net.nnp")).get_network("Validation", batch_size=4)
    back = [network.inputs["x"]], [network.outputs["y"]]
    data = values(4, 3, seed=2)
    expected = [run([x], [y], [row[None]])[0][0] for row in data]
    np.testing.assert_allclose(run(*back, [data])[0], expected, rtol=1e-6)


def test_codes_take_little_more_than_their_bits_in_the_nnp(tmp_path):
    x = nn.Variable((1, 32, 6, 6))
    y = PF.convolution(x, 128, (3, 3), apply_w=Uniform(bits=2), name="c")
    export_nnp(tmp_path / "net.nnp", y, x)
    weights = 128 * 32 * 9
    assert (tmp_path / "net.nnp").stat().st_size < weights
    with zipfile.ZipFile(tmp_path / "net.nnp") as archive:
        assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / "net.nnp"))
    assert "c/conv/b" in nn.get_parameters(grad_only=False)


@pytest.mark.parametrize("target", ["portable", "binary-weight"])
def test_the_same_network_gives_the_same_bytes_at_any_time(target, tmp_path, monkeypatch):
    x = nn.Variable((1, 8))
    y = PF.affine(x, 4, apply_w=LUT(bits=1), name="fc")
    prepare([y])
    now, files = time.time(), []
    for day in range(2):
        monkeypatch.setattr(time, "time", lambda day=day: now + 86400 * day)
        folder = tmp_path / str(day)
        folder.mkdir()
        export_nnp(folder / "net.nnp", y, x, target=target)
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert files[0] == files[1] and len(files[0]) == (2 if target == "binary-weight" else 1)
    for path in (tmp_path / "1").glob("*.nnp"):
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_file_that_nnabla_reads_at_one_batch_size_only_is_not_for_any(tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 4, 3, 3))
    # NNabla takes the factors of channels for samples, and leaves all shapes as they are.
    y = PF.batch_normalization(x, batch_stat=False, name="bn")
    report = export_nnp(tmp_path / "net.nnp", y, x)
    with nn.parameter_scope("", OrderedDict()):
        network = NnpLoader(str(tmp_path / "net.nnp")).get_network("Validation", batch_size=5)
    assert report.any_batch_size == (network.variables["x"].shape[0] == 5)
