# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What tensors may get, before and after channels went."""

from __future__ import annotations

from dataclasses import replace

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.graph.network import Network
from nnabla_compress.search import Sensitivities, Sensitivity
from nnabla_compress.search.problem import Problem

A, B, MAP = ("weights", "a/affine"), ("weights", "b/affine"), ("activations", "a/affine/relu")


def row(kind, layer, elements, bits, size_bits, snr, share=None, **decided):
    level = (share, 0, 0, decided)
    sizes = (elements, elements, bits, size_bits)
    return Sensitivity(kind, layer, "Affine", *sizes, 0.1, -0.1, 20.0, snr, *level)


ROWS = (
    row("weights", "a/affine", 48, 2, 48 * 2 + 128, 10.0),
    row("weights", "a/affine", 48, 4, 48 * 4 + 512, 20.0),
    row("activations", "a/affine/relu", 8, 4, 32, 30.0),
    row("channels", "a/affine", 6, 32, 0, 13.0, 0.25, channels=[0, 1]),
    row("ranks", "a/affine", 14, 32, 0, 7.0, 0.5, method="svd", ranks=[1], layers=["p", "q"]),
    row("ranks", "b/affine", 11, 32, 0, 8.0, 0.5, method="svd", ranks=[1], layers=["r", "s"]),
)


@pytest.fixture
def network():
    nn.clear_parameters()
    x = nn.Variable((2, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name="a")), 3, name="b")
    return Network({"x": x}, {"y": y})


def problem(network, rows=ROWS, **options):
    how = {"channels": "l1", "ranks": "svd"}
    quantizers = {"weights": "lut", "activations": "uniform"}
    found = Sensitivities(quantizers, 4, 1.0, 0.5, {}, ".", rows, how)
    return Problem(found, network, **options)


def test_each_layer_of_a_product_has_its_noise_and_its_table(network):
    options = problem(network).options((None,))
    found = {(o.bits, o.ranks is not None): (o.cost, o.sizes) for o in options[A]}
    assert found[4, False] == (pytest.approx(0.01), (704, 4 * 48, 0, 48))
    cost, sizes = found[2, True]
    assert cost == pytest.approx(2 * 0.1 + 10**-0.7) and sizes == (2 * 14 + 2 * 128, 2 * 14, 0, 14)
    assert options[MAP][0].sizes == (0, 0, 32, 0)


def test_layers_that_are_not_quantized_count_as_floats(network):
    options = problem(network).options((None,))
    assert [(o.bits, o.sizes) for o in options[B]] == [
        (None, (32 * 24, 32 * 24, 0, 24)),
        (None, (32 * 11, 32 * 11, 0, 11)),
    ]


def test_a_layer_that_loses_channels_is_not_factorized_and_has_fewer_weights(network):
    made = problem(network)
    (going,) = made.groups.values()
    options = made.options((going[1],))
    assert all(o.ranks is None for own in options.values() for o in own)
    assert [o.sizes for o in options[A]] == [
        (4 * 36 + 512, 4 * 36, 0, 36),
        (2 * 36 + 128, 72, 0, 36),
    ]
    assert options[B][0].sizes == (32 * 18, 32 * 18, 0, 18)
    assert options[MAP][0].sizes == (0, 0, 24, 0)
    assert made.cost((going[1],)) == pytest.approx(10**-1.3) and made.cost((None,)) == 0


def test_an_activation_may_fit_once_channels_went(network):
    made = problem(network, largest_activation=24)
    (going,) = made.groups.values()
    assert made.options((None,)) is None
    assert made.options((going[1],))[MAP][0].bits == 4


def test_options_that_another_one_beats_are_left_out(network):
    worse = replace(ROWS[1], bits=3, size_bits=4000, output_snr=9.0)
    bits = [o.bits for o in problem(network, (*ROWS, worse)).options((None,))[A]]
    assert 3 not in bits


def test_limits_are_those_of_bits(network):
    options = problem(network, limits={"a/affine": 2}).options((None,))
    assert {o.bits for o in options[A]} == {2}
