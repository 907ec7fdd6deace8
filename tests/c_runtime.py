# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The real C runtime in tests, where the environment names its programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

import numpy as np

from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, needs_callbacks
from nnabla_compress.verification.engines import PACKED_VARIABLE, VARIABLE, RuntimeEngine


def check_runtime(nnb: Path, rows: Sequence[np.ndarray]) -> None:
    """Compares the simulator with the C runtime bit for bit, signs of zeros included.

    Nothing is compared where ``NNABLART``, for packed weights ``NNABLART_PACKED``, is not set.

    Args:
        nnb: A file.
        rows: Arrays (samples, ...) for its inputs.
    """
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    packed = needs_callbacks(machine.network)
    program = os.environ.get(PACKED_VARIABLE if packed else VARIABLE)
    if not program:
        return
    runtime = RuntimeEngine(program, nnb, machine).run(rows)
    for simulated, got in zip(machine.run_many(rows), runtime):
        np.testing.assert_array_equal(simulated.view(np.uint32), got.view(np.uint32))
