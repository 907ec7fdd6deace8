# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The program that stops at the first confident exit does so on the real C runtime."""

from __future__ import annotations

import os
import shutil
import subprocess

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress import compress
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.c_exits import export_c_exits
from nnabla_compress.graph.exit_stages import stages_of
from nnabla_compress.graph.network import Network
from nnabla_compress.models import ranet
from nnabla_compress.recipes import ExportPart
from nnabla_compress.runs.export import export_graph, with_exits
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.simulator.staged import Staged, confidence
from tests.graph.networks import randomize_statistics

SMALL = {"maps": 4, "growth": 4, "step": 1, "scales": (1, 2), "factors": (1, 1)}


def network(rule=None):
    x = nn.Variable((1, 1, 8, 8))
    exits = ranet(x, 10, True, classifier_maps=8, **SMALL)
    randomize_statistics()
    if rule is not None:
        made = compress(list(exits.values()), rule)
        exits = dict(zip(exits, made))
        Q.prepare(made)
    return Network({"x": x}, exits)


def exported(folder, target, rule=None, exits="stages"):
    made = network(rule)
    part = ExportPart(target=target, c=True, exits=exits)
    nnp = folder / "net.nnp"
    whole = export_graph(nnp, made.outputs, made.inputs, part)
    return made, with_exits(nnp, whole, made, part)


def staged(folder, sources):
    nnbs = sorted(folder.glob("net-stage*.nnb"))
    return Staged([Machine(nnb, callbacks=PACKED_CALLBACKS) for nnb in nnbs], sources)


def compiled(command):
    include, libraries = (os.environ.get(f"NNABLART_{name}") for name in ("INCLUDE", "LIB"))
    if not include or not libraries or shutil.which("cc") is None:
        pytest.skip("NNABLART_INCLUDE and NNABLART_LIB do not name an installed C runtime")
    command = command.replace('"$NNABLA_C_RUNTIME/include"', f'"{include}"')
    command = command.replace('"$NNABLA_C_RUNTIME/build/src/', f'"{libraries}/')
    done = subprocess.run(command + " -Wall -Werror", shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target, rule", [("portable", None), ("callback", "lut:bits=4")])
def test_it_answers_as_the_simulator_does_bit_for_bit(target, rule, tmp_path):
    _, found = exported(tmp_path, target, rule)
    compiled(found.exits.command)
    rng = np.random.RandomState(5)
    rows = rng.randn(24, 1, 8, 8).astype(np.float32)
    rows.tofile(tmp_path / "samples.bin")
    machine = staged(tmp_path, [stage.sources for stage in stages_of(network())])
    first = [machine.leave([row[np.newaxis]], [0, 0, 0]).logits for row in rows]
    middle = float(np.median([confidence(each) for each in first]))
    for thresholds in ([0, 0, 0], [2, 2, 2], [middle, middle, middle]):
        words = ["./net-exits", "samples.bin", "answers.bin", *map(str, thresholds)]
        subprocess.run(words, cwd=tmp_path, check=True)
        answers = np.fromfile(tmp_path / "answers.bin", np.float32).reshape(24, 11)
        left = [machine.leave([row[np.newaxis]], thresholds) for row in rows]
        assert answers[:, 0].tolist() == [each.exit for each in left]
        expected = np.concatenate([each.logits for each in left])
        np.testing.assert_array_equal(answers[:, 1:].view(np.uint32), expected.view(np.uint32))
    assert len(set(answers[:, 0])) > 1


def test_wrong_words_are_told(tmp_path):
    _, found = exported(tmp_path, "portable")
    compiled(found.exits.command)
    done = subprocess.run(["./net-exits"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "3 thresholds" in done.stderr
    np.zeros(100, np.float32).tofile(tmp_path / "cut.bin")
    (tmp_path / "kept.bin").write_bytes(b"answers")
    for words, said in (
        (["cut.bin", "answers.bin", "0.9", "0.9x", "0.9"], "the threshold 0.9x is no number"),
        (["cut.bin", "answers.bin", "0.9", "0.9", "nan"], "the threshold nan is no number"),
        (["cut.bin", "answers.bin", "0.9", "0.9", "0.9"], "cut.bin ends within a sample"),
        (["none.bin", "kept.bin", "0.9", "0.9", "0.9"], "can't open none.bin"),
    ):
        done = subprocess.run(["./net-exits", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and said in done.stderr
    assert (tmp_path / "kept.bin").read_bytes() == b"answers"


def test_stages_that_hand_integers_on_are_refused(tmp_path):
    x = nn.Variable((1, 4))
    samples = {"x": np.random.RandomState(0).randn(20, 4).astype(np.float32)}
    export_nnp(tmp_path / "a.nnp", PF.affine(x, 3), x, target="int8", samples=samples)
    nnb = export_nnb(tmp_path / "a.nnb", tmp_path / "a.nnp")
    with pytest.raises(ConfigError, match="stages hand floats on"):
        export_c_exits(tmp_path / "net-exits.c", [nnb], [[(-1, 0)]])
