# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The float network comes first, and what saturates is compared before it does."""

from __future__ import annotations

import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.verification import Samples, verify_files
from nnabla_compress.verification.engines import FloatGraphEngine, GraphEngine

CHAIN = ["float network", ".nnp in NNabla", ".nnb in the simulator"]


@pytest.fixture(autouse=True)
def no_real_runtime(monkeypatch):
    monkeypatch.delenv("NNABLART", raising=False)
    monkeypatch.delenv("NNABLART_PACKED", raising=False)


def network(slope=1.0, last=F.softmax):
    x = nn.Variable((1, 8))
    return x, last(slope * PF.affine(F.relu(PF.affine(x, 16, name="a")), 5, name="b"))


def exported(folder, bits=2, **options):
    """A folder with the two files that a run leaves."""
    x, y = network(**options)
    export_nnp(folder / "float.nnp", y, x)
    export_nnp(folder / "results.nnp", compress(y, f"lut:bits={bits}"), x)
    return folder / "results.nnp"


def chain(found):
    return [found.comparisons[0].first, *(comparison.second for comparison in found.comparisons)]


def test_the_file_beside_is_the_float_network(tmp_path):
    found = verify_files(exported(tmp_path), count=50)
    assert chain(found) == CHAIN
    first = found.comparisons[0]
    assert first.promise.text == "nothing" and found.kept
    assert list(first.outputs) == ["y", "y before Softmax"]
    before = first.outputs["y before Softmax"]
    assert 0 < before.snr < 20 and 0 < before.same_class < 1
    assert found.as_dict()["comparisons"][0]["outputs"][1]["snr"] == before.snr


def test_its_noise_is_that_of_the_definition(tmp_path):
    x, y = network(last=lambda h: h)
    z = compress(y, "lut:bits=2")
    export_nnp(tmp_path / "net.nnp", z, x)
    rows = np.random.RandomState(0).randn(20, 8).astype(np.float32)
    outputs = []
    for output in (y, z):
        computed = []
        for row in rows:
            x.d = row[np.newaxis]
            output.forward()
            computed.append(output.d[0].copy())
        outputs.append(np.array(computed, np.float64))
    signal, noise = (outputs[0] ** 2).sum(), ((outputs[0] - outputs[1]) ** 2).sum()
    original = FloatGraphEngine({"x": x}, {"y": y})
    samples = Samples([rows], "here")
    found = verify_files(tmp_path / "net.nnp", samples=samples, original=original)
    (output,) = found.comparisons[0].outputs.values()
    assert output.snr == pytest.approx(10 * np.log10(signal / noise), abs=1e-3)
    assert output.same_class == np.mean(outputs[0].argmax(1) == outputs[1].argmax(1))


def test_the_graph_stands_between(tmp_path):
    x, y = network()
    z = compress(y, "lut:bits=2")
    export_nnp(tmp_path / "net.nnp", z, x)
    graph, original = GraphEngine({"x": x}, {"y": z}), FloatGraphEngine({"x": x}, {"y": y})
    found = verify_files(tmp_path / "net.nnp", count=5, graph=graph, original=original)
    assert chain(found) == ["float network", "graph", *CHAIN[1:]]
    assert [c.promise.text for c in found.comparisons][0] == "nothing"
    assert found.comparisons[1].promise.text != "nothing"


def test_where_there_is_none_it_is_said(tmp_path):
    path = exported(tmp_path)
    (tmp_path / "float.nnp").unlink()
    found = verify_files(path, count=5)
    assert chain(found) == CHAIN[1:]
    assert any("there is no float.nnp beside results.nnp" in note for note in found.notes)
    shutil.copy(path, tmp_path / "net.nnp")
    assert any("beside net.nnp; --float" in n for n in verify_files(tmp_path / "net.nnp").notes)


def test_a_file_that_is_no_compressed_one_has_none(tmp_path):
    exported(tmp_path)
    found = verify_files(tmp_path / "float.nnp", count=5)
    assert chain(found) == CHAIN[1:] and not any("float" in note for note in found.notes)


def test_another_file_can_be_named(tmp_path):
    path = exported(tmp_path)
    other = (tmp_path / "float.nnp").rename(tmp_path / "other.nnp")
    assert chain(verify_files(path, count=5, original=other)) == CHAIN
    with pytest.raises(DataError, match=r"there is no file .*gone.nnp"):
        verify_files(path, count=5, original=tmp_path / "gone.nnp")


def test_a_network_of_other_shapes_takes_no_part(tmp_path):
    path = exported(tmp_path)
    for shape, width in (((1, 7), 5), ((1, 8), 4)):
        nn.clear_parameters()
        x = nn.Variable(shape)
        export_nnp(tmp_path / "float.nnp", PF.affine(x, width, name="c"), x)
        found = verify_files(path, count=5)
        assert chain(found) == CHAIN[1:]
        assert any("takes no part: its" in note for note in found.notes)


def test_an_nnb_alone_is_compared_with_the_float_file(tmp_path):
    path = exported(tmp_path)
    nnb = export_nnb(tmp_path / "results.nnb", path)
    path.unlink()
    found = verify_files(nnb=nnb, count=5)
    assert chain(found) == ["float network", ".nnb in the simulator"]


@pytest.mark.parametrize(
    "last, name",
    [
        (F.softmax, "y before Softmax"),
        (F.sigmoid, "y before Sigmoid"),
        (lambda h: F.reshape(F.tanh(h), (1, 5, 1)), "y before Tanh"),
    ],
)
def test_what_the_last_activation_gets_is_compared_down_to_the_simulator(tmp_path, last, name):
    found = verify_files(exported(tmp_path, last=last), count=5)
    for comparison in found.comparisons:
        assert list(comparison.outputs) == ["y", name]
    assert found.comparisons[1].outputs[name].largest < 1e-5


def test_a_saturated_softmax_hides_what_differs_before_it(tmp_path):
    path = exported(tmp_path, bits=4, slope=1e4)
    found = verify_files(path, count=30)
    output, before = found.comparisons[0].outputs.values()
    assert before.snr < 60 and any("is saturated in" in note for note in found.notes)
    nn.clear_parameters()
    quiet = verify_files(exported(tmp_path, slope=0.1), count=30)
    assert not any("saturated" in note for note in quiet.notes)


def test_a_difference_before_a_saturated_softmax_breaks_the_promise(tmp_path):
    x, y = network(slope=1e4)
    export_nnp(tmp_path / "other.nnp", y, x)
    nn.get_parameters()["b/affine/W"].d *= 1.02
    nn.get_parameters()["b/affine/b"].d *= 1.02
    export_nnp(tmp_path / "net.nnp", y, x)
    export_nnb(tmp_path / "net.nnb", tmp_path / "other.nnp")
    found = verify_files(tmp_path / "net.nnp", tmp_path / "net.nnb", count=20)
    output, before = found.comparisons[0].outputs.values()
    assert output.same_class == before.same_class == 1
    assert before.largest == pytest.approx(0.02, abs=0.002) and not found.kept


def test_without_a_real_runtime_it_is_said(tmp_path, monkeypatch):
    path = exported(tmp_path)
    found = verify_files(path, count=3)
    assert any("the real C runtime takes no part" in note for note in found.notes)
    assert found.as_dict()["notes"] == list(found.notes)


def test_row_numbers_of_an_embed_are_whole(tmp_path):
    ids = nn.Variable((1, 4))
    y = GraphEngine({"ids": ids}, {"y": F.embed(ids, nn.Variable((9, 3)))})
    samples = Samples.random_for(y, 200)
    assert set(np.unique(samples.rows[0])) == set(range(9))
    assert samples.source == "random numbers of the form that the network takes"
