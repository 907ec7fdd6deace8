# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every registered target owes to those who never ask for its class."""

from __future__ import annotations

import re
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress import memory
from nnabla_compress.analysis import parameter_names
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers.base import is_given, quantizer_of
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.targets import TARGETS, Target
from nnabla_compress.transforms import channel_scales
from nnabla_compress.verification import Samples, verify_files

PAGE = (Path(__file__).parents[2] / "docs" / "targets.md").read_text("utf-8")


@pytest.fixture(params=sorted(TARGETS))
def target(request) -> Target:
    return TARGETS[request.param]


@pytest.fixture(params=["found", "fixed", "one bit"])
def network(rng, request):
    """A small network with quantized weights of found or of fixed ranges, and samples for it."""
    kinds = {
        "found": (Q.LUT(bits=4, grid_bits=8), Q.Affine(bits=4)),
        "fixed": (Q.DoReFa(bits=3), Q.WRPN(bits=4, scale="max")),
        "one bit": (Q.DoReFa(bits=1), Q.DoReFa(bits=1)),
    }
    first, last = kinds[request.param]
    x = nn.Variable((1, 2, 6, 6))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), apply_w=first, name="conv")
    h = F.relu(h)
    if request.param == "fixed":
        h = Q.DoReFa(bits=3)(h)
    y = PF.affine(F.max_pooling(h, (2, 2)), 3, apply_w=last, name="fc")
    y.forward()  # dictionaries begin with the weights
    return x, y, {"x": rng.randn(24, 2, 6, 6).astype(np.float32)}


@pytest.fixture
def exported(target, network, tmp_path):
    x, y, samples = network
    path = tmp_path / "net.nnp"
    return path, export_nnp(path, {"y": y}, {"x": x}, target=target.name, samples=samples)


def test_its_name_is_a_word_that_the_page_explains(target):
    assert re.fullmatch("[a-z][a-z0-9-]+", target.name) and TARGETS[target.name] is target
    assert f"| `{target.name}` |" in PAGE


def test_it_says_what_it_is_asked(target):
    flags = ("rounds_numbers", "needs_samples", "runs_in_nnabla", "packs_weights")
    assert all(isinstance(getattr(target, name), bool) for name in flags)
    assert target.needs_simulator == (target.rounds_numbers or not target.runs_in_nnabla)
    assert bool(target.way_out_of_rounding) == target.rounds_numbers


def test_ways_out_are_of_functions_that_it_may_refuse(target):
    for type_name, way_out in target.ways_out.items():
        assert way_out.strip() and target.rules.get(type_name, type_name) is not None, type_name


def test_a_function_that_it_lacks_is_refused_with_a_way_out(target):
    y = F.sort(PF.affine(nn.Variable((1, 4)), 3, name="fc"))
    with pytest.raises(UnsupportedFunctionError, match=f"'{target.name}' has no function") as wrong:
        target.check([y], parameter_names([y]))
    assert "behind layer fc/affine" in str(wrong.value) and wrong.value.help


def test_its_file_reads_back_and_holds_only_functions_of_its_own(target, exported):
    path, report = exported
    assert report.target == target.name and report.file_bytes == path.stat().st_size
    assert [row.name for row in report.rows] == ["conv/conv", "fc/affine"]
    file = NnpFile(path)
    assert set(file.stored_functions()) <= set(target.rules)
    loaded = file.build()
    assert list(loaded.inputs) == ["x"] and loaded.output.shape == (1, 3)
    for function in functions([loaded.output]):
        # A layer that quantizes its weight itself is read as a plain one with a node.
        before = [v.parent for v in function.inputs if v.parent is not None]
        if not any(map(is_given, (function, *before))):
            assert target.complaint(function) is None
    if target.runs_in_nnabla:
        loaded.output.forward()
        assert np.isfinite(loaded.output.d).all()
    assert path.with_suffix(".reference.nnp").exists() != target.runs_in_nnabla


def test_its_nnb_is_read_and_computes_what_the_file_promises(exported, network):
    path, _ = exported
    nnb = export_nnb(path.with_suffix(".nnb"), path)
    (port,) = Machine(nnb, callbacks=PACKED_CALLBACKS).outputs
    assert tuple(port.shape) == (1, 3)
    found = verify_files(path, nnb, Samples([network[2]["x"]], "here"))
    assert found.count == 24 and found.kept


def test_the_network_and_its_parameters_stay_as_they_are(target, network, tmp_path):
    x, y, samples = network
    before = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    export_nnp(tmp_path / "net.nnp", {"y": y}, {"x": x}, target=target.name, samples=samples)
    after = nn.get_parameters(grad_only=False)
    assert list(after) == list(before)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name].d, values, err_msg=name)


@pytest.fixture
def all_are_large(monkeypatch):
    """Small weights are treated as large ones are."""
    monkeypatch.setattr(channel_scales, "_LARGE", 0)
    monkeypatch.setattr(memory, "LARGE", 0)


def test_a_file_is_the_same_whether_its_weights_are_large(
    target, network, exported, tmp_path, request
):
    path, _ = exported
    small = path.read_bytes()
    request.getfixturevalue("all_are_large")
    x, y, samples = network
    export_nnp(path, {"y": y}, {"x": x}, target=target.name, samples=samples)
    assert path.read_bytes() == small


def test_weights_that_lie_on_their_levels_stay_as_they_are_however_large(
    target, network, tmp_path, all_are_large
):
    x, y, samples = network
    for function in functions([y]):
        if quantizer_of(function) is not None and function.inputs[0].parent is None:
            function.inputs[0].d = function.outputs[0].d
    before = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    written = []
    for _ in range(2):
        path = tmp_path / "net.nnp"
        export_nnp(path, {"y": y}, {"x": x}, target=target.name, samples=samples)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    for name, values in before.items():
        np.testing.assert_array_equal(nn.get_parameters(grad_only=False)[name].d, values, name)
