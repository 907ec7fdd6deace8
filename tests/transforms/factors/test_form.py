# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every form owes, and what the forms of a published shape cost."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.transforms.factors import FORMS, Kernel

MAKE = {"Affine": F.affine, "Convolution": F.convolution}
MAKE["DepthwiseConvolution"] = F.depthwise_convolution
WIDE = [name for name in FORMS if name != "svd"]
MOVES = {
    "plain": {},
    "stride": {"stride": (2, 1)},
    "padding": {"pad": (1, 2)},
    "dilation": {"dilation": (2, 1), "pad": (2, 0)},
    "groups": {"group": 2},
    "everything": {"stride": (1, 2), "pad": (2, 1), "dilation": (1, 2), "group": 2},
}


def kernel_of(outputs, inputs, kernel, map_shape, pad=None, stride=None, dilation=None, group=1):
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    return Kernel(
        False,
        outputs // group,
        inputs // group,
        kernel,
        group,
        map_shape,
        pad or zeros,
        stride or ones,
        dilation or ones,
    )


def run(x, pieces, factors):
    y = nn.Variable.from_numpy_array(x)
    for piece, factor in zip(pieces, factors):
        weight = nn.Variable.from_numpy_array(factor.astype(np.float32))
        y = MAKE[piece.type](y, weight, **piece.arguments)
    y.forward()
    return y.d.copy()


@pytest.mark.parametrize("move", sorted(MOVES))
@pytest.mark.parametrize("name", WIDE)
def test_with_the_largest_ranks_it_computes_what_the_layer_does(name, move, rng):
    options, form = MOVES[move], FORMS[name]
    kernel = kernel_of(6, 4, (3, 3), (9, 11), **options)
    weight, x = rng.randn(6, kernel.inputs, 3, 3), rng.randn(2, 4, 9, 11).astype(np.float32)
    w = nn.Variable.from_numpy_array(weight.astype(np.float32))
    y = F.convolution(nn.Variable.from_numpy_array(x), w, **options)
    y.forward()
    ranks = form.largest(kernel)
    factors = form.factors(weight, kernel, ranks)
    got = run(x, form.pieces(kernel, ranks), factors)
    np.testing.assert_allclose(got, y.d, atol=1e-5 * np.abs(y.d).max())


@pytest.mark.parametrize("move", ["plain", "everything"])
@pytest.mark.parametrize("name", WIDE)
def test_its_layers_compute_the_product_of_their_weights(name, move, rng):
    options, form = MOVES[move], FORMS[name]
    kernel = kernel_of(6, 4, (3, 3), (9, 11), **options)
    weight, x = rng.randn(6, kernel.inputs, 3, 3), rng.randn(2, 4, 9, 11).astype(np.float32)
    ranks = tuple(max(1, most // 2) for most in form.largest(kernel))
    factors = form.factors(weight, kernel, ranks)
    product = nn.Variable.from_numpy_array(form.product(factors, kernel).astype(np.float32))
    y = F.convolution(nn.Variable.from_numpy_array(x), product, **options)
    y.forward()
    got = run(x, form.pieces(kernel, ranks), factors)
    np.testing.assert_allclose(got, y.d, atol=1e-5 * np.abs(y.d).max())


@pytest.mark.parametrize("name", WIDE)
def test_what_it_says_is_missing_is_missing_or_a_bound(name, rng):
    form, kernel = FORMS[name], kernel_of(6, 4, (3, 3), (9, 9), group=2)
    weight = rng.randn(6, 2, 3, 3)
    missing = form.missing(weight, kernel)
    for part in (0.3, 0.6, 1):
        ranks = tuple(max(1, int(part * most)) for most in form.largest(kernel))
        left = weight - form.product(form.factors(weight, kernel, ranks), kernel)
        error = np.square(left).sum() / np.square(weight).sum()
        if name == "tucker":
            assert error <= missing(ranks) + 1e-9
        else:
            assert error == pytest.approx(missing(ranks), abs=1e-6)


@pytest.mark.parametrize("name", WIDE)
def test_its_costs_are_those_of_its_layers(name):
    form, kernel = FORMS[name], kernel_of(6, 4, (3, 3), (9, 11), (1, 0), (2, 1))
    ranks = tuple(max(1, most // 2) for most in form.largest(kernel))
    x, macs = nn.Variable((1, 4, 9, 11)), 0
    for piece in form.pieces(kernel, ranks):
        x = MAKE[piece.type](x, nn.Variable(piece.shape), **piece.arguments)
        macs += int(np.prod(piece.shape) * np.prod(x.shape[2:]))
    assert form.macs(kernel, ranks) == macs


# 64 -> 128 channels, 3x3: parameters at rank 32, and the largest rank that saves any.
@pytest.mark.parametrize(
    "name, at_32, most",
    [
        ("channel", 22_528, 104),
        ("spatial", 18_432, 127),
        ("tucker", 15_360, 80),
        ("cpd3", 6_432, 366),
        ("svd_convolution", 280_576, 8),
    ],
)
def test_its_break_even_rank_is_that_of_the_formula(name, at_32, most):
    form, kernel = FORMS[name], kernel_of(128, 64, (3, 3), (16, 16), (1, 1))
    two = len(form.largest(kernel))

    def weights(rank):
        return form.weights(kernel, (rank,) * two)

    assert kernel.weights == 73_728
    assert kernel.macs == 73_728 * 256
    assert weights(32) == at_32
    assert weights(most) < 73_728 <= weights(most + 1)


def test_an_affine_layer_is_the_product_of_two(rng):
    kernel = Kernel(True, 6, 10, output_shape=(2, 3))
    weight, x = rng.randn(10, 2, 3), rng.randn(4, 10).astype(np.float32)
    form = FORMS["svd"]
    factors = form.factors(weight, kernel, (6,))
    assert [factor.shape for factor in factors] == [(10, 6), (6, 2, 3)]
    expected = np.tensordot(x, weight, 1)
    got = run(x, form.pieces(kernel, (6,)), factors)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(form.product(factors, kernel), weight, atol=1e-12)


@pytest.mark.parametrize("name", ["channel", "tucker", "cpd3", "svd_convolution"])
def test_kernels_of_one_axis_are_factorized(name, rng):
    form, kernel = FORMS[name], kernel_of(6, 4, (5,), (20,), (2,), (2,))
    weight, x = rng.randn(6, 4, 5), rng.randn(2, 4, 20).astype(np.float32)
    ranks = form.largest(kernel)
    w = nn.Variable.from_numpy_array(weight.astype(np.float32))
    y = F.convolution(nn.Variable.from_numpy_array(x), w, pad=(2,), stride=(2,))
    y.forward()
    got = run(x, form.pieces(kernel, ranks), form.factors(weight, kernel, ranks))
    np.testing.assert_allclose(got, y.d, atol=1e-5 * np.abs(y.d).max())


@pytest.mark.parametrize("name", sorted(FORMS))
def test_layers_that_have_no_such_form_are_refused(name):
    points = kernel_of(6, 4, (1, 1), (9, 9))
    wide = kernel_of(6, 4, (3, 3), (9, 9))
    assert (FORMS[name].refusal(points) is None) == (name == "svd")
    assert (FORMS[name].refusal(wide) is None) == (name != "svd")


def test_a_row_has_no_spatial_form():
    row = kernel_of(6, 4, (1, 3), (9, 9))
    assert "more than one row" in FORMS["spatial"].refusal(row)


@pytest.mark.parametrize("name", WIDE)
def test_ranks_within_a_cost_are_the_best_that_fit(name, rng):
    form, kernel = FORMS[name], kernel_of(8, 6, (3, 3), (9, 9))
    missing = form.missing(rng.randn(8, 6, 3, 3), kernel)

    def cost(ranks):
        return form.weights(kernel, ranks)

    ranks = form.of_cost(kernel, missing, cost, 0.8 * kernel.weights)
    assert ranks is not None
    assert cost(ranks) <= 0.8 * kernel.weights
    largest = form.largest(kernel)
    for place in range(len(ranks)):
        more = tuple(r + (place == n) for n, r in enumerate(ranks))
        assert more[place] > largest[place] or cost(more) > 0.8 * kernel.weights
    assert form.of_cost(kernel, missing, cost, 5) is None
