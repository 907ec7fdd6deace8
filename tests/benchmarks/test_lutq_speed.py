# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q's cost: the k-means step beside NumPy's way, and a training step beside the float one."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
import pytest
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.models as models
import nnabla_compress.quantizers as Q
import nnabla_compress.solvers as CS
from nnabla_compress.quantizers.lut import k_means_step
from nnabla_compress.transforms import insert_weight_quantizers


def test_the_k_means_step_is_ten_times_faster_than_searchsorted_and_bincount(
    benchmark, compare, report, rng
):
    values = rng.standard_normal(25_000_000).astype(np.float32)
    dictionary = np.linspace(-3, 3, 16).astype(np.float32)
    codes = np.empty(values.shape, np.uint8)
    quantizer = Q.LUT(bits=4)

    def ours():
        return k_means_step(quantizer, values, dictionary, codes)

    def numpys():
        assignments = np.searchsorted((dictionary[1:] + dictionary[:-1]) / 2, values)
        counts = np.bincount(assignments, minlength=16)
        sums = np.bincount(assignments, weights=values, minlength=16)
        return np.where(counts > 0, sums / np.maximum(counts, 1), dictionary), assignments

    means, assignments = numpys()
    np.testing.assert_allclose(ours(), means, rtol=1e-6)
    np.testing.assert_array_equal(codes, assignments)
    del assignments
    ratio = compare(numpys, ours, 7)
    benchmark.pedantic(ours, rounds=5)
    report("k-means step, 25 million weights, 16 entries", "NumPy", "ours", ratio)
    assert ratio.best >= 10


@pytest.mark.parametrize("bits", [4, 8])
def test_a_dictionary_of_25_million_weights_starts_in_twice_the_time_of_sorting_them_at_most(
    bits, benchmark, compare, report, rng
):
    with nn.parameter_scope("layer"):
        weight = get_parameter_or_create("W", (5000, 5000), rng.randn(5000, 5000))
        q = Q.LUT(bits=bits)(weight)
    dictionary, values = q.parent.inputs[1], weight.d.ravel()

    def start():
        dictionary.d = np.nan
        Q.prepare([q])

    ratio = compare(start, lambda: np.sort(values), 3)
    benchmark.pedantic(start, rounds=1)
    report(f"start of a dictionary of {bits} bits, 25 million weights", "ours", "np.sort", ratio)
    assert ratio.best <= 2


def training_step(quantized, rng):
    """A function that does one training step of ResNet-20, float or LUT-Q."""
    x, label = nn.Variable((64, 3, 32, 32)), nn.Variable((64, 1))
    x.d, label.d = rng.randn(*x.shape), rng.randint(0, 10, label.shape)
    solver = S.Momentum(0.01, 0.9)
    with nn.parameter_scope("quantized" if quantized else "float"):
        logits = models.build("resnet20", x, 10)
        if quantized:
            (logits,) = insert_weight_quantizers([logits], lambda layer: Q.LUT(bits=4))
            solver = CS.LUTQ(solver)
        parameters = nn.get_parameters()
    loss = F.mean(F.softmax_cross_entropy(logits, label))
    Q.prepare([loss])
    solver.set_parameters(parameters)
    assert not quantized or len(solver.functions()) == 20

    def step():
        loss.forward(clear_no_need_grad=True)
        solver.zero_grad()
        loss.backward(clear_buffer=True)
        solver.weight_decay(1e-4)
        solver.update()

    return step


def test_a_lutq_training_step_of_resnet20_costs_three_percent_more_than_the_float_step_at_most(
    benchmark, compare, report, rng
):
    quantized, plain = training_step(True, rng), training_step(False, rng)
    ratio = compare(quantized, plain, 15)
    benchmark.pedantic(quantized, rounds=1)
    report("training step, ResNet-20, batch 64", "LUT-Q", "float", ratio)
    assert ratio.best <= 1.03
