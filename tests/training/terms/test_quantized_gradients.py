# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Gradients of few bits in a training: behind quantized layers only, and in the training only."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.training.terms import QuantizedGradients, term_of
from tests.training.test_trainer import two_blobs


def network(x, test):
    h = F.relu(PF.affine(x, 8, apply_w=Q.DoReFa(bits=2), name="a"))
    h = F.relu(PF.affine(h, 8, apply_w=Q.DoReFa(bits=1), name="b"))
    return PF.affine(h, 2, name="c")


def trained(folder, *terms):
    nn.clear_parameters()
    set_seed(3)
    settings = TrainingSettings(epochs=2, batch_size=8, learning_rate=0.05)
    trainer = Trainer(network, two_blobs(), settings, folder, Preprocessing(), seed=3, terms=terms)
    trainer.run()
    return trainer, {name: v.d.copy() for name, v in nn.get_parameters().items()}


def test_nodes_stand_behind_quantized_layers_of_the_training_graph(tmp_path):
    trainer, _ = trained(tmp_path, QuantizedGradients(bits=4))
    nodes = [f for f in functions([trainer.output]) if f.info.type_name.endswith("Gradient")]
    assert [node.inputs[0].parent.info.type_name for node in nodes] == ["Affine"] * 2
    assert [node.info.args for node in nodes] == [{"bits": 4}] * 2
    scored = {f.info.type_name for f in functions([trainer.evaluator.output])}
    assert QuantizedGradient.graph_type() not in scored


def test_a_seed_trains_to_the_same_bits_and_few_bits_to_others(tmp_path):
    runs = [trained(tmp_path / str(n), QuantizedGradients(bits=2))[1] for n in range(2)]
    _, plain = trained(tmp_path / "plain")
    for name, values in runs[0].items():
        np.testing.assert_array_equal(runs[1][name], values)
    assert any((plain[name] != values).any() for name, values in runs[0].items())


def test_a_network_without_quantized_layers_is_refused():
    y = PF.affine(nn.Variable((2, 3)), 2, name="a")
    with pytest.raises(ConfigError, match="no layer of the network is quantized"):
        term_of({"quantized_gradients": 4}).foresee([y])


def test_the_short_form_of_a_recipe_takes_bits_and_wants_a_training():
    part = CompressionPart.checked(
        {"weights": "dorefa:bits=1", "quantized_gradients": 6, "training": {"epochs": 1}}
    )
    assert [term.model_dump() for term in part.terms] == [{"bits": 6}]
    with pytest.raises(ConfigError, match="quantized_gradients are those of a training"):
        CompressionPart.checked({"weights": "dorefa:bits=1", "quantized_gradients": 6})
    with pytest.raises(ConfigError, match="bits is 99"):
        term_of({"quantized_gradients": 99})
