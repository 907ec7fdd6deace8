# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From the shell: what a file holds is what its compressed form computes, or it is said."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

import nnabla_compress.compression
from nnabla_compress.cli import main
from nnabla_compress.graph import rebuild
from nnabla_compress.models import NnpFile
from nnabla_compress.simulator import Machine
from tests.graph import tied_networks as tied


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNABLART", raising=False)


@pytest.fixture
def run(capsys):
    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(map(str, arguments)))
        printed = capsys.readouterr()
        assert "internal error" not in printed.err
        return stop.value.code, printed.out, printed.err

    return call


def write(x, y):
    network = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    named = {"name": "runtime", "network": "net", "data": ["x"], "output": ["y"]}
    save("net.nnp", {"networks": [network], "executors": [named]})
    nn.clear_parameters()


def computed(path, rows):
    """What NNabla computes of a file, row by row."""
    with nn.parameter_scope("", {}):
        network = NnpFile(path).build(batch_size=1)
    found = []
    for row in rows:
        network.inputs["x"].d = row[np.newaxis]
        network.output.forward()
        found.append(network.output.d[0].copy())
    return np.array(found)


def tied_file(kind=tied.transposed):
    write(*tied.built(kind))
    rows = np.random.RandomState(5).randn(20, tied.SIZE).astype(np.float32)
    return rows, computed("net.nnp", rows)


@pytest.mark.parametrize("kind", [tied.transposed, tied.transposed_not_square, tied.scaled])
@pytest.mark.parametrize("verb", ["compress", "ptq"])
def test_a_tied_weight_behind_a_function_is_compressed_as_it_is_read(run, kind, verb):
    rows, expected = tied_file(kind)
    assert run(verb, "net.nnp", "-w", "lut:bits=8", "-o", "out")[0] == 0
    np.testing.assert_array_equal(computed("out/results.nnp", rows), expected)
    (got,) = Machine("out/results.nnb").run_many([rows])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_verify_tells_how_far_a_run_is_from_the_float_network(run):
    tied_file()
    run("compress", "net.nnp", "-w", "lut:bits=2", "-o", "out")
    status, out, _ = run("verify", "out", "--json")
    found = json.loads(out)
    first = found["comparisons"][0]
    assert status == 0 and first["between"] == ["float network", "graph"]
    assert 0 < first["outputs"][0]["snr"] < 30
    by_file = json.loads(run("verify", "out/results.nnp", "--json")[1])["comparisons"][0]
    assert by_file["between"] == ["float network", ".nnp in NNabla"]
    assert by_file["outputs"][0]["snr"] == pytest.approx(first["outputs"][0]["snr"], abs=0.01)
    assert "SNR" in run("verify", "out")[1]


def test_verify_finds_the_float_network_of_a_post_training_quantization(run):
    tied_file()
    run("ptq", "net.nnp", "--bits", 4, "-o", "out")
    found = json.loads(run("verify", "out/results.nnb", "--json")[1])
    assert found["comparisons"][0]["between"][0] == "float network"
    Path("out/float.nnp").rename("moved.nnp")
    out = run("verify", "out/results.nnp")[1]
    assert "the float network takes no part" in " ".join(out.split())
    named = run("verify", "out/results.nnp", "--float", "moved.nnp")[1]
    assert "float network - .nnp in" in " ".join(named.split())


def test_a_run_takes_its_own_float_network(run):
    tied_file()
    run("compress", "net.nnp", "-w", "lut:bits=2", "-o", "out")
    status, _, error = run("verify", "out", "--float", "net.nnp")
    assert status == 1 and "a run knows its float network" in error


@pytest.mark.parametrize(
    "verb", [["compress", "-w", "lut:bits=8"], ["sensitivity", "--data", "data.npz"]]
)
def test_a_rewriting_that_is_not_faithful_stops_every_verb(run, monkeypatch, verb):
    tied_file()
    np.savez("data.npz", x=np.zeros((8, tied.SIZE), np.float32), y=np.zeros(8, int))
    insert = nnabla_compress.transforms.quantize.insert_weight_quantizers

    def dropping(outputs, choose, **more):
        def replace(function, inputs):
            return inputs[:1] if function.info.type_name == "Transpose" else None

        return rebuild(insert(outputs, choose, **more), replace)

    for module in ("transforms.quantize", "search.scoring"):
        monkeypatch.setattr(f"nnabla_compress.{module}.insert_weight_quantizers", dropping)
    status, _, error = run(verb[0], "net.nnp", *verb[1:])
    assert status == 1 and "VerifyError: without its quantizers" in error
    assert "Affine t" in error and "help: leave the layers there as they are" in error


@pytest.mark.parametrize("verb", [["export"], ["compress", "-w", "lut:bits=4"], ["ptq"]])
def test_an_unused_output_is_no_output(run, verb):
    x = nn.Variable((1, 4, 6))
    half, _ = F.split(F.tanh(F.reshape(x, (1, 2, 2, 6))), axis=1)
    write(x, PF.affine(half, 3, name="fc"))
    status, _, error = run(verb[0], "net.nnp", *verb[1:], "-o", "out")
    assert status == 0, error
    name = "net" if verb == ["export"] else "results"
    assert [port.shape for port in Machine(f"out/{name}.nnb").outputs] == [(1, 3)]
    assert list(NnpFile(f"out/{name}.nnp").build().outputs) == ["y"]


@pytest.mark.parametrize("verb", [["export"], ["compress", "-w", "lut:bits=4"], ["ptq"]])
def test_batch_statistics_in_a_file_are_told_and_kept_in_the_results(run, verb):
    x = nn.Variable((1, 3, 4, 4))
    h = PF.batch_normalization(PF.convolution(x, 4, (3, 3), name="c"), batch_stat=True, name="b")
    nn.get_parameters(grad_only=False)["b/bn/var"].d = 4.0
    write(x, PF.affine(F.relu(h), 3, name="fc"))
    status, out, error = run(verb[0], "net.nnp", *verb[1:], "-o", "out")
    assert status == 0
    words = " ".join((out + error).split())
    assert "NOTE: BatchNormalization b/bn: saved with batch_stat=True" in words
    assert "the running statistics are used (b/bn/mean, b/bn/var)" in words
    if verb == ["export"]:
        with zipfile.ZipFile("out/net.nnp") as archive:
            kept = json.loads(archive.read("nnabla_compress.json"))["notes"]
    else:
        with open("out/results.json", encoding="utf-8") as file:
            kept = json.load(file)["compressed"]["notes"]
    assert any("batch_stat=True" in note for note in kept)


def test_verify_says_that_no_real_runtime_took_part_and_that_a_softmax_is_saturated(run):
    x = nn.Variable((1, 8))
    write(x, F.softmax(1000 * PF.affine(x, 4, name="fc")))
    out = " ".join(run("verify", "net.nnp", "-n", 20)[1].split())
    assert "the real C runtime takes no part" in out
    assert "Softmax of output y is saturated in" in out and "y before Softmax" in out
