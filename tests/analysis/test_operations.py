# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.operations import exit_costs


def net(x, quantized=False):
    rule = {"apply_w": Q.LUT(bits=2)} if quantized else {}
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), with_bias=False, name="c", **rule)
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="c"))
    h = F.average_pooling(h, (8, 8))
    first = PF.affine(h, 3, name="e")
    return [first, PF.affine(F.relu(PF.affine(h, 5, name="a")), 3, name="b")]


def test_each_kind_of_function_counts_as_it_is_said():
    first, last = exit_costs(net(nn.Variable((1, 2, 8, 8))))
    convolution, normalized = 64 * 4 * 2 * 9, 64 * 4
    assert first.operations == convolution + normalized + 4 * 64 + 4 * 3 + 3
    assert first.parameters == 4 * 2 * 9 + 2 * 4 + 4 * 3 + 3
    assert last.operations == first.operations + 4 * 5 + 5 + 5 + 5 * 3 + 3
    assert last.parameters == first.parameters + 4 * 5 + 5 + 5 * 3 + 3


def test_samples_and_quantizers_change_nothing():
    plain = exit_costs(net(nn.Variable((1, 2, 8, 8))))
    nn.clear_parameters()
    assert exit_costs(net(nn.Variable((7, 2, 8, 8)), quantized=True)) == plain
