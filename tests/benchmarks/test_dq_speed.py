# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What DQ costs: a ResNet-20 training step at batch 64, float and quantized, in one run.

Float and quantized steps take turns, and each is compared with the float step just before it; what
counts is the median of these ratios, of processor time: NNabla computes on one thread, so on a
quiet machine that is the time on the clock, which is printed, too. Peak memory is measured in a
process of its own for each. Run with ``-s`` to see the ratios. As a script: ``python
test_dq_speed.py memory float|kernels|composite``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np

from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import QuantizerFunction
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.uniform import Uniform

BATCH, ROUNDS = 64, 7
MOST_TIME, MOST_MEMORY = 1.10, 1.5


def resnet20(x, quantizer):
    """ResNet-20 for CIFAR; ``quantizer(signed)`` for every weight, bias and ReLU, or None."""
    apply = {} if quantizer is None else {"apply_w": quantizer(True)}

    def activation(h, name):
        h = F.relu(h)
        if quantizer is None:
            return h
        with nn.parameter_scope(name):
            return quantizer(False)(h)

    def convolution(h, maps, stride, name):
        h = PF.convolution(
            h, maps, (3, 3), (1, 1), (stride, stride), with_bias=False, name=name, **apply
        )
        return PF.batch_normalization(h, name=name)

    h = activation(convolution(x, 16, 1, "c0"), "a0")
    for stage, maps in enumerate((16, 32, 64)):
        for block in range(3):
            name = f"s{stage}b{block}"
            stride = 2 if stage and not block else 1
            branch = activation(convolution(h, maps, stride, name + "c1"), name + "a1")
            branch = convolution(branch, maps, 1, name + "c2")
            if stride == 2:
                h = F.average_pooling(h, (1, 1), (2, 2))
                h = F.pad(h, (0, 0, maps // 4, maps // 4, 0, 0, 0, 0))
            h = activation(F.add2(branch, h), name + "a2")
    h = F.average_pooling(h, h.shape[2:])
    if quantizer is not None:
        apply["apply_b"] = quantizer(True)
    return PF.affine(h, 10, name="fc", **apply)


class Training:
    """One network with its data and solver; ``step()`` returns its time: processor and clock."""

    def __init__(self, name, quantizer, composite=False):
        rng = np.random.RandomState(0)
        x = nn.Variable.from_numpy_array(rng.randn(BATCH, 3, 32, 32).astype(np.float32))
        label = nn.Variable.from_numpy_array(rng.randint(10, size=(BATCH, 1)))
        with nn.parameter_scope(name):
            self.loss = F.mean(F.softmax_cross_entropy(resnet20(x, quantizer), label))
            self.solver = S.Momentum(0.01, 0.9)
            self.solver.set_parameters(nn.get_parameters())
        self.composite = composite

    def step(self):
        on_cpu = QuantizerFunction.on_cpu
        if self.composite:
            QuantizerFunction.on_cpu = False
        try:
            start = np.array([time.process_time(), time.perf_counter()])
            self.solver.zero_grad()
            self.loss.forward(clear_no_need_grad=True)
            self.loss.backward(clear_buffer=True)
            self.solver.update()
            _ = float(self.loss.d)
            return np.array([time.process_time(), time.perf_counter()]) - start
        finally:
            QuantizerFunction.on_cpu = on_cpu


def uniform(signed):
    """The quantizer of the paper's choice: step and range are learned, the bits follow."""
    return Uniform(bits=4, signed=signed)


def pow2(signed):
    return Pow2(bits=4, signed=signed)


def interleaved(trainings, rounds):
    """Processor and clock time of each step of each, shape (rounds, 2)."""
    for training in trainings.values():
        training.step()
    times = {name: [] for name in trainings}
    for _ in range(rounds):
        for name, training in trainings.items():
            times[name].append(training.step())
    return {name: np.array(values) for name, values in times.items()}


def test_a_quantized_training_step_takes_at_most_1_1_times_the_float_step():
    nn.clear_parameters()
    trainings = {
        "float": Training("float", None),
        "uniform": Training("uniform", uniform),
        "pow2": Training("pow2", pow2),
    }
    assert len(graph_quantizers([trainings["uniform"].loss])) == 20 + 1 + 19
    times = interleaved(trainings, ROUNDS)
    composites = {
        "uniform, composite of F.*": Training("composite", uniform, composite=True),
        "pow2, composite of F.*": Training("composite2", pow2, composite=True),
    }
    times.update(interleaved(composites, rounds=2))
    print(f"\nResNet-20, batch {BATCH}: a training step, and as a multiple of the float step")
    print(f"  {'':28s}{'processor':>20s}{'clock':>20s}")
    ratios = {}
    for name, steps in times.items():
        float_steps = times["float"]
        if len(steps) != len(float_steps):
            float_steps = np.median(float_steps, axis=0)
        ratios[name] = np.median(steps / float_steps, axis=0)
        cells = zip(np.median(steps, axis=0), ratios[name])
        print(f"  {name:28s}" + "".join(f"{s:11.3f} s{r:7.2f}" for s, r in cells))
    nn.clear_parameters()
    assert ratios["uniform"][0] <= MOST_TIME
    assert ratios["pow2"][0] <= MOST_TIME
    assert ratios["uniform, composite of F.*"][0] > ratios["uniform"][0]


def memory(kind):
    """Megabytes before the network is built, and at most while training it."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, os.path.abspath(__file__), "memory", kind]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    before, peak = output.split()[-2:]
    return int(before) / 1024, int(peak) / 1024


def test_peak_memory_is_at_most_1_5_times_that_of_float():
    peaks = {kind: memory(kind) for kind in ("float", "kernels", "composite")}
    print(f"\nResNet-20, batch {BATCH}, memory of a process that trains: before building, peak")
    for kind, (before, peak) in peaks.items():
        ratio = peak / peaks["float"][1]
        grown = (peak - before) / (peaks["float"][1] - peaks["float"][0])
        print(
            f"  {kind:12s}{before:8.0f} MB{peak:8.0f} MB   {ratio:.2f} x float, "
            f"{grown:.2f} x float without what was there before"
        )
    (before, peak), (float_before, float_peak) = peaks["kernels"], peaks["float"]
    assert peak <= MOST_MEMORY * float_peak
    assert peak - before <= MOST_MEMORY * (float_peak - float_before)


def main():
    kind = sys.argv[2]
    quantizer = None if kind == "float" else uniform
    for signed in (True, False) if quantizer is not None else ():
        # Loading compiled kernels takes memory once, whatever the network.
        y = quantizer(signed)(nn.Variable.from_numpy_array(np.ones((2, 2), np.float32)))
        y.forward()
        y.backward()
    before = kilobytes("VmRSS")
    training = Training("network", quantizer, composite=kind == "composite")
    for _ in range(2):
        training.step()
    print(before, kilobytes("VmHWM"))


def kilobytes(entry):
    """Memory of this process alone: the usual ru_maxrss starts from the parent's peak."""
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith(entry))


if __name__ == "__main__":
    main()
