# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export takes in memory, over the weights of the network; larger ones are measured by
``tests/benchmarks/measure_large_networks.py``."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURED = """
import resource, sys
import numpy as np, nnabla as nn, nnabla.parametric_functions as PF, nnabla.functions as F
import nnabla_compress.runs
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import LUT, Uniform, prepare

target, quantizer = sys.argv[1], eval(sys.argv[2])
def start(size):
    nn.clear_parameters()
    x = nn.Variable((1, size))
    values = lambda shape: np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    h = F.relu(PF.affine(x, size, w_init=values, apply_w=quantizer, name="f1"))
    y = PF.affine(h, size, w_init=values, apply_w=quantizer, name="f2")
    samples = {"x": np.random.RandomState(1).standard_normal((8, size)).astype(np.float32)}
    prepare([y])
    export_nnp(sys.argv[3] + "/net.nnp", y, x, target=target, samples=samples)
    export_nnb(sys.argv[3] + "/net.nnb", sys.argv[3] + "/net.nnp")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

first = start(64)
print((start(1024) - first) / (2 * 1024**2))
"""


@pytest.mark.parametrize(
    ("target", "quantizer", "most"),
    [
        ("portable", "LUT(bits=4)", 60),
        pytest.param("binary-weight", "Uniform(bits=8)", 90, marks=pytest.mark.long),
        pytest.param("callback", "LUT(bits=4)", 60, marks=pytest.mark.long),
        pytest.param("int8", "Uniform(bits=8)", 150, marks=pytest.mark.long),
    ],
)
def test_an_export_takes_few_bytes_a_weight(tmp_path, target, quantizer, most):
    command = [sys.executable, "-c", MEASURED, target, quantizer, str(tmp_path)]
    taken = float(subprocess.check_output(command, stderr=subprocess.DEVNULL).split()[-1])
    assert taken < most
