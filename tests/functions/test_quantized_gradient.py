# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Gradients of few bits: the same for a seed, left out of inference, refused bits."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.functions as CF
from nnabla_compress import compress
from nnabla_compress.analysis import activations, layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.models import NnpFile


def backward(x, y, dy, seed):
    nn.seed(seed)
    y.forward()
    x.grad.zero()
    y.backward(dy)
    return x.g.copy()


@pytest.fixture
def pair(rng):
    x = nn.Variable.from_numpy_array(rng.randn(8, 3, 5), need_grad=True)
    return x, CF.quantized_gradient(x, bits=3)


def test_values_pass_and_gradients_get_few_values_a_sample(pair, rng):
    x, y = pair
    found = backward(x, y, rng.randn(8, 3, 5), 1)
    np.testing.assert_array_equal(y.d, x.d)
    for sample in found:
        assert len(np.unique(np.abs(sample).round(5))) <= 4


@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_seed_gives_the_same_gradient_and_each_pass_another(pair, rng, monkeypatch, on_cpu):
    x, y = pair
    monkeypatch.setattr(QuantizedGradient, "_on_cpu", on_cpu)
    dy = rng.randn(8, 3, 5).astype(np.float32)
    first = backward(x, y, dy, 1)
    np.testing.assert_array_equal(backward(x, y, dy, 1), first)
    assert (backward(x, y, dy, 2) != first).any()
    y.forward()
    x.grad.zero()
    y.backward(dy)
    assert (x.g != first).any()
    peaks = np.abs(dy).reshape(8, -1).max(axis=1)
    np.testing.assert_allclose(np.abs(first).reshape(8, -1).max(axis=1), peaks, rtol=1e-6)


def test_on_average_both_paths_give_the_gradient(pair, rng, monkeypatch):
    x, y = pair
    dy = rng.randn(8, 3, 5).astype(np.float32)
    step = 2 * np.abs(dy).max() / 7
    for on_cpu in (True, False):
        monkeypatch.setattr(QuantizedGradient, "_on_cpu", on_cpu)
        mean = np.mean([backward(x, y, dy, seed) for seed in range(300)], axis=0)
        assert np.abs(mean - dy).max() < 5 * step / 2 / np.sqrt(300)


def test_it_is_copied_with_a_graph_and_left_out_of_files(tmp_path, rng):
    x = nn.Variable.from_numpy_array(rng.randn(1, 6))
    y = F.relu(CF.quantized_gradient(PF.affine(x, 4, name="fc"), bits=6))
    (copy,) = rebuild([y])
    kinds = [f.info.type_name for f in functions([copy])]
    assert kinds == ["Affine", QuantizedGradient.graph_type(), "ReLU"]
    export_nnp(tmp_path / "net.nnp", y, x)
    kinds = [f.info.type_name for f in functions([NnpFile(tmp_path / "net.nnp").build().output])]
    assert kinds == ["Affine", "ReLU"]


def test_a_network_that_has_it_is_compressed_as_without_it(rng):
    def built(quantized):
        nn.clear_parameters()
        h = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c", with_bias=False)
        h = CF.quantized_gradient(h, bits=6) if quantized else h
        h = F.relu(PF.batch_normalization(h, batch_stat=False, name="n"))
        y = compress(PF.affine(h, 2, name="f"), {"weights": "c*=dorefa", "activations": "dorefa"})
        return [map_.name for map_ in activations([y])], [layer.name for layer in layers([y])]

    assert built(True) == built(False)


@pytest.mark.parametrize("bits", [0, 17, 2.5, True])
def test_other_bits_are_refused(bits):
    with pytest.raises(ConfigError, match="quantized_gradient: bits is"):
        CF.quantized_gradient(nn.Variable((2, 3)), bits=bits)


def test_a_single_number_is_refused():
    with pytest.raises(ConfigError, match="a single number"):
        CF.quantized_gradient(nn.Variable(()))
