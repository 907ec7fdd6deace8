# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the sine penalty costs: a ResNet-20 step at batch 64, quantized, with it and without.

Run with ``-s`` to see the ratio.
"""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

import nnabla_compress.regularizers as R
from nnabla_compress import compress
from nnabla_compress.models.resnet_cifar import resnet_cifar

BATCH, ROUNDS, MOST_TIME = 64, 7, 1.03


def training(scope, pulled):
    rng = np.random.RandomState(0)
    x = nn.Variable.from_numpy_array(rng.randn(BATCH, 3, 32, 32).astype(np.float32))
    label = nn.Variable.from_numpy_array(rng.randint(10, size=(BATCH, 1)))
    with nn.parameter_scope(scope):
        y = compress(resnet_cifar(x, 10, test=False), {"weights": "uniform:bits=3"})
        loss = F.mean(F.softmax_cross_entropy(y, label))
        loss = loss + R.sinreq(y) if pulled else loss
        solver = S.Momentum(0.01, 0.9)
        solver.set_parameters(nn.get_parameters())

    def step():
        solver.zero_grad()
        loss.forward(clear_no_need_grad=True)
        loss.backward(clear_buffer=True)
        solver.update()
        return float(loss.d)

    return step


def test_a_step_with_the_sine_takes_at_most_1_03_times_the_step_without(compare, report):
    nn.clear_parameters()
    ratio = compare(training("pulled", True), training("plain", False), ROUNDS)
    report(f"ResNet-20, batch {BATCH}: a training step", "with the sine", "without", ratio)
    assert ratio.best <= MOST_TIME
