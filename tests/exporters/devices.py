# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a device computes of a network, for tests."""

from __future__ import annotations

from nnabla_compress.exporters.simulated import simulated
from nnabla_compress.lowering.inference import inference_network
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

MOST = 256


def on_device(nnb, outputs, inputs, samples, tolerance=None):
    """How an ``.nnb`` does in the simulator on at most 256 samples, as exports are checked."""
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    network = inference_network(inputs, outputs, machine.inputs[0].shape[0])
    return simulated(machine, network, samples, MOST, tolerance)


def apart(*arguments):
    """How far it is from the network, root mean square."""
    return on_device(*arguments).found.root_mean_square
