# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks that read one parameter in several places, directly and through functions."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

SIZE = 6


def parameter(name, *shape):
    """A parameter with the same random values in every test."""
    values = 0.3 * np.random.RandomState(sum(map(ord, name))).randn(*shape)
    return nn.parameter.get_parameter_or_create(name, shape, values.astype(np.float32), True)


def square():
    return parameter("t/W", SIZE, SIZE)


def first(x, weight, *bias):
    return F.relu(F.affine(x, weight, *bias))


def transposed(x):
    return F.affine(first(x, square()), F.transpose(square(), (1, 0)))


def transposed_not_square(x):
    weight = parameter("t/W", SIZE, 8)
    return F.affine(first(x, weight), F.transpose(weight, (1, 0)))


def transposed_before(x):
    return F.affine(first(x, F.transpose(square(), (1, 0))), square())


def scaled(x):
    return F.affine(first(x, square()), square() * 0.5)


def squashed(x):
    return F.affine(first(x, square()), F.tanh(square()))


def quantized_by_nnabla(x):
    return F.affine(first(x, square()), F.fixed_point_quantize(square(), True, 8, 0.05))


def standardized(x):
    weight = square()
    return F.affine(first(x, weight), weight - F.mean(weight, axis=0, keepdims=True))


def sliced(x):
    weight = parameter("t/W", SIZE, 2 * SIZE)
    halves = [F.slice(weight, start=(0, at), stop=(SIZE, at + SIZE)) for at in (0, SIZE)]
    return F.affine(first(x, halves[0]), halves[1])


def split(x):
    one, other = F.split(parameter("t/W", 2, SIZE, SIZE), axis=0)
    return F.affine(first(x, one), other)


def flipped(x):
    return F.affine(first(x, square()), F.flip(square(), axes=(1,)))


def as_kernel(x):
    h = F.reshape(first(x, square()), (1, SIZE, 1, 1))
    return F.convolution(h, F.reshape(square(), (SIZE, SIZE, 1, 1)))


def moved_twice(x):
    kernel = F.reshape(F.transpose(square(), (1, 0)), (SIZE, 2, 3))
    return F.affine(first(x, kernel), F.transpose(square(), (1, 0)))


def weight_that_is_a_bias(x):
    weight = parameter("c/W", SIZE, 1)
    return F.affine(first(x, parameter("a/W", SIZE, SIZE), F.reshape(weight, (SIZE,))), weight)


def bias_through_a_scaling(x):
    bias = parameter("a/b", SIZE)
    h = first(x, parameter("a/W", SIZE, SIZE), bias)
    return F.affine(h, parameter("d/W", SIZE, SIZE), bias * 2.0)


def weight_that_is_added(x):
    h = first(x, square())
    return F.affine(h, parameter("d/W", SIZE, SIZE)) + F.sum(square(), axis=0, keepdims=True)


def matrix_product(x):
    h = F.reshape(first(x, square()), (1, 1, SIZE))
    y = F.batch_matmul(h, F.reshape(square(), (1, SIZE, SIZE)), transpose_b=True)
    return F.reshape(y, (1, SIZE))


def _normalized(x, name):
    y = PF.batch_normalization(x, name=name, batch_stat=False)
    random = np.random.RandomState(3)
    for part, low in (("mean", -1.0), ("var", 0.5), ("gamma", -1.5)):
        variable = nn.get_parameters(grad_only=False)[f"{name}/bn/{part}"]
        variable.d = low + 2 * random.rand(*variable.shape)
    return y


def shared_and_normalized(x):
    return _normalized(F.affine(F.relu(_normalized(F.affine(x, square()), "n1")), square()), "n2")


def transposed_and_normalized(x):
    h = F.relu(_normalized(F.affine(x, square()), "n1"))
    return _normalized(F.affine(h, F.transpose(square(), (1, 0))), "n2")


def scaled_and_normalized(x):
    bias = parameter("t/b", SIZE)
    h = F.relu(_normalized(F.affine(x, square(), bias), "n1"))
    return _normalized(F.affine(h, square() * 0.5, bias), "n2")


MOVED = (
    transposed,
    transposed_not_square,
    transposed_before,
    sliced,
    split,
    flipped,
    as_kernel,
    moved_twice,
)
NORMALIZED = (shared_and_normalized, transposed_and_normalized, scaled_and_normalized)
KINDS = (
    *MOVED,
    *NORMALIZED,
    scaled,
    squashed,
    quantized_by_nnabla,
    standardized,
    weight_that_is_a_bias,
    bias_through_a_scaling,
    weight_that_is_added,
    matrix_product,
)


def built(kind):
    """The input, with random values, and the output of a network."""
    x = nn.Variable((1, SIZE))
    x.d = np.random.RandomState(1).randn(1, SIZE)
    return x, kind(x)
