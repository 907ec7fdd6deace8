# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What INQ costs: a ResNet-20 step at batch 64, float and with half of all weights fixed.

INQ is for weights; feature maps are quantized by ``uniform``. Run with ``-s`` to see the ratio.
"""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

from nnabla_compress import compress
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.solvers import Quantized

BATCH, ROUNDS, MOST_TIME = 64, 7, 1.10


def training(scope, rules):
    rng = np.random.RandomState(0)
    x = nn.Variable.from_numpy_array(rng.randn(BATCH, 3, 32, 32).astype(np.float32))
    label = nn.Variable.from_numpy_array(rng.randint(10, size=(BATCH, 1)))
    with nn.parameter_scope(scope):
        y = resnet_cifar(x, 10, test=False)
        y = y if rules is None else compress(y, rules)
        loss = F.mean(F.softmax_cross_entropy(y, label))
        solver = Quantized(S.Momentum(0.01, 0.9))
        solver.set_parameters(nn.get_parameters())

    def step():
        solver.zero_grad()
        loss.forward(clear_no_need_grad=True)
        loss.backward(clear_buffer=True)
        solver.update()
        return float(loss.d)

    return step


def test_a_training_step_takes_at_most_1_1_times_the_float_step(compare, report):
    nn.clear_parameters()
    rules = {"weights": "inq:bits=4,iterations=0+1000000", "activations": "uniform:bits=8"}
    quantized = training("quantized", rules)
    ratio = compare(quantized, training("float", None), ROUNDS)
    report(
        f"ResNet-20, batch {BATCH}: a training step, inq and uniform", "quantized", "float", ratio
    )
    assert ratio.best <= MOST_TIME
