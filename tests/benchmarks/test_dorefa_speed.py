# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What DoReFa and WRPN cost: a ResNet-20 step at batch 64, float and with all tensors quantized.

Run with ``-s`` to see the ratios.
"""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.models.resnet_cifar import resnet_cifar

BATCH, ROUNDS, MOST_TIME = 64, 7, 1.10


def training(scope, rule):
    rng = np.random.RandomState(0)
    x = nn.Variable.from_numpy_array(rng.randn(BATCH, 3, 32, 32).astype(np.float32))
    label = nn.Variable.from_numpy_array(rng.randint(10, size=(BATCH, 1)))
    with nn.parameter_scope(scope):
        y = resnet_cifar(x, 10, test=False)
        y = y if rule is None else compress(y, {"weights": rule, "activations": rule})
        loss = F.mean(F.softmax_cross_entropy(y, label))
        solver = S.Momentum(0.01, 0.9)
        solver.set_parameters(nn.get_parameters())

    def step():
        solver.zero_grad()
        loss.forward(clear_no_need_grad=True)
        loss.backward(clear_buffer=True)
        solver.update()
        return float(loss.d)

    return step


@pytest.mark.parametrize("rule", ["dorefa:bits=3", "wrpn:bits=4,scale=max"])
def test_a_quantized_training_step_takes_at_most_1_1_times_the_float_step(rule, compare, report):
    nn.clear_parameters()
    ratio = compare(training("quantized", rule), training("float", None), ROUNDS)
    report(f"ResNet-20, batch {BATCH}: a training step, {rule}", "quantized", "float", ratio)
    assert ratio.best <= MOST_TIME
