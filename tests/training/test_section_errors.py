# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Errors of sections, against those that NumPy finds."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import quantizers as Q
from nnabla_compress.analysis.sections import sections_of
from nnabla_compress.graph.network import Network
from nnabla_compress.training.section_errors import mean_variances, section_errors

SAMPLES = {"x": np.random.RandomState(3).randn(20, 5).astype(np.float32)}


@pytest.fixture(autouse=True)
def nothing_left():
    nn.clear_parameters()
    yield
    nn.clear_parameters()


def network(x, test, quantizer=None):
    """a, then b beside what skips it, then c."""
    more = {} if quantizer is None else {"apply_w": quantizer}
    h = F.relu(PF.affine(x, 6, name="a", **more))
    h = F.relu(F.add2(PF.affine(h, 6, name="b", **more), h))
    return PF.affine(h, 3, name="c", **more)


def quantized(x, test):
    return network(x, test, Q.BinaryConnect())


def parts(*at):
    x = nn.Variable((1, 5))
    return sections_of(Network({"x": x}, {"y": network(x, True)}), at)


def computed(weights):
    """What layers give, in NumPy, with the weights of each."""
    x = SAMPLES["x"][:16].astype(np.float64)  # what fills batches of 8
    p = {name: value.d.astype(np.float64) for name, value in nn.get_parameters().items()}

    def layer(name, given):
        w = p[f"{name}/affine/W"]
        return given @ (np.where(w >= 0, 1, -1) if name in weights else w) + p[f"{name}/affine/b"]

    a = np.maximum(layer("a", x), 0)
    b = np.maximum(layer("b", a) + a, 0)
    return a, b, layer("c", b), layer


def norm(values):
    return np.sqrt(np.square(values).sum())


def test_errors_are_those_of_the_definition():
    sections = parts("a/affine/relu", "b/affine/relu")
    rows = section_errors(sections, quantized, network, SAMPLES, rows=8)
    teacher, student = computed(""), computed("abc")
    layer = student[3]
    alone = np.maximum(layer("b", teacher[0]) + teacher[0], 0)
    assert rows[1]["alone"] == pytest.approx(norm(alone - teacher[1]) / norm(teacher[1]), rel=1e-5)
    for number in range(3):
        expected = norm(student[number] - teacher[number]) / norm(teacher[number])
        assert rows[number]["accumulated"] == pytest.approx(expected, rel=1e-5)
    gain = norm(student[1] - alone) / norm(student[0] - teacher[0])
    assert rows[1]["gain"] == pytest.approx(gain, rel=1e-5)
    for number, only in enumerate("abc"):
        expected = norm(computed(only)[2] - teacher[2]) / norm(teacher[2])
        assert rows[number]["costs"] == pytest.approx(expected, rel=1e-5)
    assert "gain" not in rows[0] and rows[0]["alone"] == rows[0]["accumulated"]


@pytest.mark.parametrize("at", [("a/affine/relu",), ("b/affine",), ()])
def test_no_more_accumulates_than_the_bound(at):
    for row in section_errors(parts(*at), quantized, network, SAMPLES):
        assert 0 < row["accumulated"] <= row["bound"] * (1 + 1e-6)


def test_a_network_has_no_errors_against_itself():
    for row in section_errors(parts("b/affine", "a/affine/relu"), network, network, SAMPLES):
        assert row == {"alone": 0, "accumulated": 0, "costs": 0, "bound": 0}


def test_measuring_starts_no_quantizer():
    def starting(x, test):
        return network(x, test, Q.LUT(bits=2))

    sections = parts("a/affine/relu")
    starting(nn.Variable((1, 5)), True)
    section_errors(sections, starting, network, SAMPLES)
    dictionaries = [p.d for path, p in nn.get_parameters(grad_only=False).items() if "dict" in path]
    assert len(dictionaries) == 3 and all(np.isnan(values).all() for values in dictionaries)


def test_variances_are_those_of_all_entries():
    sections = parts("a/affine/relu", "b/affine")
    found = mean_variances(sections, network, SAMPLES, rows=8)
    a, _, _, layer = computed("")
    assert list(found) == ["a/affine/relu", "b/affine"]
    assert found["a/affine/relu"] == pytest.approx(a.var(), rel=1e-5)
    assert found["b/affine"] == pytest.approx(layer("b", a).var(), rel=1e-5)


def test_a_map_of_one_value_has_the_variance_one():
    sections = parts("a/affine/relu")
    nn.get_parameters()["a/affine/b"].d = -1e6
    assert mean_variances(sections, network, SAMPLES) == {"a/affine/relu": 1.0}
