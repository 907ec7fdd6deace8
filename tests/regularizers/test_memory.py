# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sizes against the published ones of ResNet-20 and ResNet-18, to the last digit printed."""

from __future__ import annotations

from typing import List

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

import nnabla_compress.quantizers as Q
from nnabla_compress.models import build
from nnabla_compress.regularizers import NetworkMemory
from nnabla_compress.transforms import insert_activation_quantizers, insert_weight_quantizers


def resnet20(bits: int = 32, activation_bits: int = 32) -> NetworkMemory:
    y = build("resnet20", nn.Variable((1, 3, 32, 32)), 10, test=True)
    if activation_bits < 32:
        a = Q.Uniform(activation_bits, signed=False, learn=None, initial_step=0.1)
        (y,) = insert_activation_quantizers([y], lambda activation: a)
    if bits < 32:
        w = Q.Uniform(bits, learn=None, initial_step=0.1)
        (y,) = insert_weight_quantizers([y], lambda layer: w, choose_bias=lambda layer: w)
    return NetworkMemory.of([y])


def kilobytes(size: float) -> str:
    return f"{size / 1024:.2f}"


def test_resnet20_as_floats():
    memory = resnet20()
    assert sum(tensor.elements for tensor in memory.weights) == 268346
    assert f"{memory.weight_bytes / 1024:.1f}" == "1048.2"
    assert len(memory.activations) == 19
    assert memory.activation_bytes == 736 * 1024
    assert memory.largest_activation_bytes == 64 * 1024


def test_resnet20_at_two_bits_with_four_bit_activations():
    memory = resnet20(bits=2, activation_bits=4)
    assert kilobytes(memory.weight_bytes) == "65.51"
    assert memory.activation_bytes == 92 * 1024
    assert memory.largest_activation_bytes == 8 * 1024


def resnet18(bits: List[int]) -> NetworkMemory:
    """Weights of ResNet-18 for ImageNet; small maps, since sizes of weights do not ask."""
    left = list(bits)

    def quantizer(weight: nn.Variable) -> nn.Variable:
        if left:
            quantizer.bits = left.pop(0)
        if quantizer.bits == 32:
            return weight
        return Q.Uniform(quantizer.bits, learn=None, initial_step=0.1, max_bits=9)(weight)

    def bias(b: nn.Variable) -> nn.Variable:
        if quantizer.bits == 32:
            return b
        return Q.Uniform(quantizer.bits, learn=None, initial_step=0.1, max_bits=9)(b)

    def conv(x, maps, kernel, name):
        pad = (kernel // 2,) * 2
        return PF.convolution(
            x, maps, (kernel, kernel), pad, with_bias=False, apply_w=quantizer, name=name
        )

    h = conv(nn.Variable((1, 3, 1, 1)), 64, 7, "conv1")
    for stage, maps in enumerate((64, 128, 256, 512)):
        for block in range(2):
            name = f"s{stage}b{block}"
            o = conv(conv(h, maps, 3, f"{name}c1"), maps, 3, f"{name}c2")
            h = F.add2(o, conv(h, maps, 1, f"{name}s") if stage and not block else h)
    y = PF.affine(h, 1000, apply_w=quantizer, apply_b=bias, name="fc")
    return NetworkMemory.of([y])


def megabytes(size: float) -> str:
    return f"{size / 1024**2:.2f}"


def test_resnet18_as_floats_and_at_four_bits():
    assert sum(tensor.elements for tensor in resnet18([32]).weights) == 11679912
    nn.clear_parameters()
    assert megabytes(resnet18([32]).weight_bytes) == "44.56"
    nn.clear_parameters()
    assert megabytes(resnet18([4]).weight_bytes) == "5.57"


def test_resnet18_with_the_bits_of_the_published_figure():
    bits = [9, 8, 5, 6, 6, 6, 6, 8, 6, 5, 5, 4, 5, 4, 4, 4, 3, 5, 3, 4, 7]
    memory = resnet18(bits)
    assert [tensor.bits for tensor in memory.weights][:3] == [9, 8, 5]
    assert f"{memory.weight_bytes / 1024**2:.4f}" == "5.3996"


def test_a_shared_weight_counts_once_and_a_lut_counts_its_assignments():
    x = nn.Variable((1, 8))
    with nn.parameter_scope("shared"):
        h = PF.affine(x, 8, with_bias=False, apply_w=Q.LUT(bits=4))
        h = PF.affine(h, 8, with_bias=False, apply_w=Q.LUT(bits=4))
    memory = NetworkMemory.of([h])
    assert [(tensor.elements, tensor.bits) for tensor in memory.weights] == [(64, 4)]
    assert memory.weight_bytes == 32


def test_a_quantizer_takes_the_place_of_the_float_map_behind_it():
    h = Q.Uniform(4, signed=False)(F.relu(nn.Variable((3, 10))))
    assert NetworkMemory.of([F.tanh(h)]).activation_bytes == 10 * 4 / 8 + 10 * 4
