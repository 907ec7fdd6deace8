# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The first function that gives something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnabla_compress.device.first_difference import described, first_difference
from nnabla_compress.nnb import read_nnb
from nnabla_compress.simulator import Machine
from nnabla_compress.verification.report import BITS, within

X = [np.float32([[-1, 0.5, 2, -3]])]
Y = np.float32([[0, 0.5, 2, 0]])


def test_it_is_the_function_whose_output_differs_in_the_trace(relus):
    machine = Machine(relus)
    wrong = Y + np.float32([[0, 0, 1e-7 * 4, 0]])
    assert first_difference(machine, X, Y.tobytes() + wrong.tobytes(), BITS) == 1
    assert first_difference(machine, X, wrong.tobytes() + wrong.tobytes(), BITS) == 0
    assert described(machine.network, 1) == "function 1, ReLU -> 1 x 4"


def test_what_keeps_the_promise_is_no_difference(relus):
    machine = Machine(relus)
    close = (Y * np.float32(1 + 1e-6)).tobytes()
    assert first_difference(machine, X, close + close, within(1e-5)) is None
    assert first_difference(machine, X, close + close, BITS) == 0


def test_integers_are_compared_as_what_they_stand_for(relus):
    network = read_nnb(relus)
    variables = tuple(replace(v, type="FIXED8", fp_pos=2) for v in network.variables)
    machine = Machine(replace(network, variables=variables))
    right = np.int8([0, 2, 8, 0])
    assert first_difference(machine, X, right.tobytes() * 2, BITS) is None
    wrong = np.int8([0, 2, 7, 0])
    assert first_difference(machine, X, right.tobytes() + wrong.tobytes(), BITS) == 1
