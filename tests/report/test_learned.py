# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from rich.console import Console

import nnabla_compress.quantizers as Q
from nnabla_compress.report.learned import learned_rows, learned_table, plot_bits


def rows() -> list:
    x = nn.Variable.from_numpy_array(np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8))
    w = Q.Uniform(3, initial_step=0.5)
    h = F.relu(PF.affine(x, 4, apply_w=w, apply_b=w, name="a"))
    with nn.parameter_scope("a/relu"):
        h = Q.Pow2(4, signed=False, initial_q_max=2.0)(h)
    y = PF.affine(h, 2, apply_w=Q.LUT(bits=2), name="b")
    y.forward()
    return learned_rows([y])


def test_weights_biases_and_activations_each_have_a_row():
    found = {(row["name"], row["kind"]): row for row in rows()}
    assert list(found) == [
        ("a/affine", "weight"),
        ("a/affine", "bias"),
        ("b/affine", "weight"),
        ("a/relu", "activation"),
    ]
    weight = found["a/affine", "weight"]
    assert (weight["bits"], weight["step"], weight["range"], weight["bytes"]) == (3, 0.5, 1.5, 12)
    assert found["a/relu", "activation"]["range"] == 2.0
    assert "step" not in found["b/affine", "weight"]


def test_the_table_prints_every_row():
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(learned_table(rows()))
    text = console.export_text()
    assert "a/relu" in text and "activation" in text and "Pow2" in text


def test_the_plot_is_a_picture(tmp_path):
    plot_bits(rows(), tmp_path / "bits.png", "example")
    assert (tmp_path / "bits.png").read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [tmp_path / "bits.png"]
