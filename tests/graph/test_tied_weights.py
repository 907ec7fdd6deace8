# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One parameter in several places: what stands between it and its readers stays."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.graph import functions
from nnabla_compress.quantizers import LUT, Affine, MovingRange
from nnabla_compress.quantizers.base import graph_quantizers, quantizer_of
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.transforms import (
    fold_for_training,
    insert_weight_quantizers,
    remove_quantizers,
)
from tests.graph import tied_networks as tied
from tests.graph.networks import forward


@pytest.mark.parametrize("kind", tied.KINDS, ids=lambda kind: kind.__name__)
def test_an_exact_dictionary_leaves_the_network_as_it_is(kind):
    _, y = tied.built(kind)
    (z,) = insert_weight_quantizers([y], lambda layer: LUT(bits=8))
    np.testing.assert_array_equal(forward(z), forward(y))
    assert len(graph_quantizers([z])) >= 1
    np.testing.assert_array_equal(forward(remove_quantizers([z])[0]), forward(y))


@pytest.mark.parametrize("kind", tied.KINDS, ids=lambda kind: kind.__name__)
def test_all_readers_read_the_quantized_parameter(kind):
    _, y = tied.built(kind)
    (z,) = insert_weight_quantizers([y], lambda layer: Affine(bits=3))
    quantized = {node.inputs[0].data: node for node in graph_quantizers([z])}
    for function in functions([z]):
        if quantizer_of(function) is None:
            assert not quantized.keys() & {v.data for v in function.inputs}
    # The same network on parameters that hold the quantized values.
    for node in quantized.values():
        node.inputs[0].d = Affine.encode(node).decode()
    np.testing.assert_allclose(forward(z), forward(y), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", tied.KINDS, ids=lambda kind: kind.__name__)
def test_layers_stay_the_same_when_their_weights_are_quantized(kind):
    _, y = tied.built(kind)
    (z,) = insert_weight_quantizers([y], lambda layer: Affine(bits=4))
    plain, quantized = layers([y]), layers([z])
    assert [layer.weight_name for layer in plain] == [layer.weight_name for layer in quantized]
    assert [layer.direct for layer in plain] == [layer.direct for layer in quantized]
    assert all(layer.quantizer is not None for layer in quantized)


def test_the_layer_that_reads_the_weight_as_it_is_is_asked():
    _, y = tied.built(tied.transposed_before)
    asked = []
    insert_weight_quantizers([y], lambda layer: asked.append(layer))
    assert [(layer.name, layer.direct) for layer in asked] == [("t", True)]


def test_weights_that_only_move_are_quantized_where_nobody_reads_them_as_they_are():
    x = nn.Variable((1, 6))
    weight = tied.square()
    y = F.affine(x, F.transpose(weight, (1, 0)))
    (layer,) = layers([y])
    assert (layer.direct, layer.computed_by) == (False, "")
    (z,) = insert_weight_quantizers([y], lambda layer: LUT(bits=1))
    assert len(graph_quantizers([z])) == 1


def test_a_weight_that_is_only_read_behind_a_computation_is_refused_by_name():
    weight = tied.square()
    centred = weight - F.mean(weight, axis=0, keepdims=True)
    y = F.affine(nn.Variable((1, 6)), centred)
    with pytest.raises(UnsupportedFunctionError, match="weight t/W of layer t goes through Sub2"):
        insert_weight_quantizers([y], lambda layer: LUT(bits=2))


def test_a_weight_that_is_a_bias_too_follows_the_rules_of_weights():
    _, y = tied.built(tied.weight_that_is_a_bias)
    (z,) = insert_weight_quantizers(
        [y],
        lambda layer: LUT(bits=2) if layer.name == "a" else None,
        choose_bias=lambda layer: LUT(bits=1),
    )
    assert [layer.quantizer is not None for layer in layers([z])] == [True, False]


def test_macs_count_what_a_layer_reads_of_a_weight():
    _, y = tied.built(tied.sliced)
    assert [layer.macs for layer in layers([y])] == [36, 36]


@pytest.mark.parametrize("kind", [tied.transposed, tied.transposed_before, tied.standardized])
def test_memory_counts_the_parameter_once(kind):
    _, y = tied.built(kind)
    (z,) = insert_weight_quantizers([y], lambda layer: Affine(bits=4))
    memory = NetworkMemory.of([z])
    assert [(tensor.elements, tensor.bits) for tensor in memory.weights] == [(36, 4)]


def test_a_weight_that_is_folded_for_training_keeps_its_quantizer():
    x = nn.Variable((8, 3, 4, 4))
    h = PF.convolution(x, 4, (3, 3), apply_w=MovingRange(bits=8, axis=0), name="c1")
    folded = fold_for_training([PF.batch_normalization(h, name="c1")])
    with pytest.raises(ConfigError, match="folded for training"):
        insert_weight_quantizers(folded, lambda layer: LUT(bits=2))
