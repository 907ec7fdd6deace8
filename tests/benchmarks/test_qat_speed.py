# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantization-aware training costs: a ResNet-20 step at batch 64, float and quantized.

All weights per channel, all activations with moving ranges, and batch normalization folded into the
weights while it is trained. Run with ``-s`` to see the ratio.
"""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

from nnabla_compress import compress
from nnabla_compress.models.resnet_cifar import resnet_cifar

BATCH, ROUNDS, MOST_TIME = 64, 7, 1.15
HOW = {
    "weights": ["movingrange:bits=8,axis=0", "movingrange:bits=8,axis=1,types=Affine"],
    "activations": ["movingrange:bits=8,symmetric=false"],
    "fold": "training",
}


def training(scope, how):
    rng = np.random.RandomState(0)
    x = nn.Variable.from_numpy_array(rng.randn(BATCH, 3, 32, 32).astype(np.float32))
    label = nn.Variable.from_numpy_array(rng.randint(10, size=(BATCH, 1)))
    with nn.parameter_scope(scope):
        y = resnet_cifar(x, 10, test=False)
        y = y if how is None else compress(y, how)
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


def test_a_quantization_aware_step_takes_at_most_1_15_times_the_float_step(compare, report):
    nn.clear_parameters()
    ratio = compare(training("quantized", HOW), training("float", None), ROUNDS)
    report(f"ResNet-20, batch {BATCH}: a training step", "quantized", "float", ratio)
    assert ratio.best <= MOST_TIME
