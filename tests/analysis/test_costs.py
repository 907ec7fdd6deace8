# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Costs of networks whose peak can be worked out by hand; sizes in floats of 4 bytes."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.analysis.costs import costs, memory_over_time
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.quantizers import LUT, Uniform


def _affine(x, size, name, **options):
    return PF.affine(x, size, name=name, **options)


def test_a_chain_holds_one_input_and_one_output_at_a_time():
    x = nn.Variable((4, 10))
    h = F.tanh(_affine(x, 30, "a"))
    y = _affine(h, 20, "b")
    found = costs([y])
    # a: 10 + 30, tanh: 30 + 30, b: 30 + 20.
    assert (found.peak_bytes, found.peak_at) == (4 * 60, "Tanh behind a/affine")
    assert found.buffer_bytes == 4 * (10 + 30 + 30 + 20)
    assert found.activation_bytes == 4 * 30
    assert found.samples == 4
    assert found.parameters == 10 * 30 + 30 + 30 * 20 + 20
    assert found.macs == 10 * 30 + 30 * 20
    assert found.weight_bytes == found.float_weight_bytes == 4 * found.parameters


def test_a_branch_waits_until_its_last_reader_has_run():
    x = nn.Variable((1, 10))
    left = _affine(x, 40, "left")
    right = _affine(_affine(x, 5, "small"), 50, "right")
    y = _affine(F.concatenate(left, right), 1, "y")
    # x is given back behind small; left waits: concatenate holds 40 + 50 + 90.
    found = costs([y])
    assert (found.peak_bytes, found.peak_at) == (4 * 180, "Concatenate behind right/affine")


def test_a_residual_input_is_held_over_the_whole_branch():
    x = nn.Variable((1, 20))
    h = _affine(_affine(x, 100, "a"), 20, "b")
    # b reads 100 and writes 20 while x waits for the addition.
    assert costs([F.add2(h, x)]).peak_bytes == 4 * (20 + 100 + 20)
    assert costs([h]).peak_bytes == 4 * (20 + 100)


def test_outputs_live_to_the_end():
    x = nn.Variable((1, 8))
    first = _affine(x, 100, "first")
    last = F.tanh(_affine(_affine(first, 10, "a"), 10, "b"))
    # a: first and a; later only first, as an output, besides small buffers.
    assert costs([last]).peak_bytes == 4 * (100 + 10)
    assert costs([last, first]).peak_bytes == 4 * (100 + 10 + 10)


def test_reshape_and_functions_in_place_share_their_inputs_memory():
    x = nn.Variable((1, 4, 5))
    h = F.reshape(x, (1, 20))
    assert costs([_affine(h, 3, "a")]).peak_bytes == 4 * (20 + 3)
    assert costs([F.relu(_affine(x, 30, "b"))]).peak_bytes == 4 * 60
    assert costs([F.relu(_affine(x, 30, "c"), inplace=True)]).peak_bytes == 4 * (20 + 30)


def test_nothing_is_overwritten_that_is_read_later():
    x = nn.Variable((1, 10))
    h = _affine(x, 30, "a")
    both = F.add2(F.relu(h, inplace=True), h)
    assert costs([both]).peak_bytes == 4 * (30 + 30 + 30)


def test_what_is_computed_from_parameters_alone_is_no_activation():
    x = nn.Variable((1, 10))
    weight = nn.parameter.get_parameter_or_create("w", (30, 10), need_grad=True)
    found = costs([F.affine(x, F.transpose(weight, (1, 0)))])
    assert found.buffer_bytes == found.peak_bytes == 4 * 40
    assert found.parameters == 300


def test_quantizers_set_the_bits_of_weights_and_activations():
    x = nn.Variable((2, 16))
    h = _affine(x, 64, "a", apply_w=LUT(bits=2))
    h = Uniform(8, signed=False)(F.relu(h))
    y = _affine(h, 4, "b")
    found = costs([y])
    assert found.parameters == 16 * 64 + 64 + 64 * 4 + 4
    assert found.weight_bytes == 16 * 64 * 2 // 8 + 4 * (64 + 64 * 4 + 4)
    assert found.activation_bytes == 64
    # The output of ReLU is written as codes of a byte; a's is read as floats.
    assert found.peak_bytes == 4 * 64 + 64
    assert found.buffer_bytes == 4 * 16 + 4 * 64 + 64 + 4 * 4


def test_a_shared_weight_counts_once():
    x = nn.Variable((1, 10))
    y = _affine(_affine(x, 10, "same"), 10, "same")
    found = costs([y])
    assert (found.parameters, found.macs) == (110, 200)


def test_inputs_without_a_common_first_axis_are_counted_whole():
    x, h = nn.Variable((5, 2, 4)), nn.Variable((1, 1, 2, 3))
    y, _ = PF.rnn(x, h, training=False)
    found = costs([y])
    assert found.samples == 1 and found.buffer_bytes >= 4 * (40 + 6 + 30)


def test_a_function_without_inputs_and_a_network_without_functions():
    x = nn.Variable((3, 7))
    assert costs([x]).peak_bytes == 4 * 7
    assert costs([F.add2(F.constant(1, (3, 7)), x)]).peak_bytes == 3 * 4 * 7


@pytest.mark.parametrize("batch_size", [1, 8])
def test_resnet20_peaks_in_its_first_stage(batch_size):
    y = resnet_cifar(nn.Variable((batch_size, 3, 32, 32)), 10, test=True)
    found = costs([y])
    kilobyte = 1024
    # A map of the first stage is 16 x 32 x 32 floats, 64 kB; a convolution's input, its output and
    # the shortcut are held at a time.
    assert found.peak_bytes == 3 * 64 * kilobyte
    # Seven ReLUs of 64 kB in the first stage, six of 32 kB and six of 16 kB in the others.
    assert found.activation_bytes == (7 * 64 + 6 * 32 + 6 * 16) * kilobyte
    assert found.macs == pytest.approx(40.6e6, rel=0.01)


def test_memory_over_time_has_the_peak_where_the_costs_say():
    nn.clear_parameters()
    x = nn.Variable((2, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="c1"))
    y = PF.affine(F.max_pooling(h, (2, 2)), 5, name="fc")
    found, moments = costs([y]), memory_over_time([y])
    assert [moment.at for moment in moments] == [
        "Convolution c1/conv",
        "ReLU behind c1/conv",
        "MaxPooling behind c1/conv",
        "Affine fc/affine",
    ]
    peak = max(moments, key=lambda moment: moment.bytes)
    assert (peak.bytes, peak.at) == (found.peak_bytes, found.peak_at)
    assert moments[0].bytes == 4 * (3 * 64 + 4 * 36) and moments[-1].bytes == 4 * (36 + 5)
