# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A board as one more place that computes a network, for verifications."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from nnabla_compress.device.boards import Board
from nnabla_compress.device.emulator import SECONDS, run_firmware
from nnabla_compress.device.firmware import build_firmware, kernels_for
from nnabla_compress.device.promises import promise_of
from nnabla_compress.device.runtime_source import find_runtime
from nnabla_compress.files import temporary_folder
from nnabla_compress.nnb import NnbFile
from nnabla_compress.progress import tracked
from nnabla_compress.simulator import Machine
from nnabla_compress.verification.engines import Engine, in_batches
from nnabla_compress.verification.places import Place
from nnabla_compress.verification.report import Promise

_AT_ONCE = 8  # forwards of a run of the emulator


class BoardEngine(Engine):
    """The C runtime on an emulated board.

    Args:
        board: The board.
        path: The ``.nnb``.
        machine: The simulator with it.
        kernels: One of :data:`~nnabla_compress.device.firmware.MODES`.
    """

    def __init__(self, board: Board, path: Path, machine: Machine, kernels: str) -> None:
        self.name = f".nnb on {board.name}"  # type: ignore[misc]
        self.board, self.path, self.machine, self.kernels = board, path, machine, kernels

    def run(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Compiles the program, and runs it on some batches at a time."""
        size, count = self.machine.inputs[0].shape[0], len(rows[0])
        batches = list(in_batches(rows, size))
        found: List[Sequence[np.ndarray]] = []
        with temporary_folder() as folder:
            firmware = build_firmware(folder, self.board, self.path, find_runtime(), self.kernels)
            starts = range(0, len(batches), _AT_ONCE)
            for start in tracked(f"running the {self.name}", starts, len(starts)):
                part = batches[start : start + _AT_ONCE]
                found.append(run_firmware(firmware, self.machine, part, seconds=SECONDS).outputs)
        return [
            np.concatenate([array.reshape(-1, *array.shape[2:]) for array in parts])[:count]
            for parts in zip(*found)
        ]


class BoardPlace(Place):
    """A board in a verification.

    Args:
        board: The board.
        kernels: One of :data:`~nnabla_compress.device.firmware.MODES`; by default the exact ones
            for packed weights, else the runtime's own.
    """

    def __init__(self, board: Board, kernels: Optional[str] = None) -> None:
        self.board, self.kernels = board, kernels

    def engine(self, path: Path, machine: Machine) -> BoardEngine:
        """Returns what runs a file on the board."""
        return BoardEngine(self.board, path, machine, kernels_for(path, self.kernels))

    def promise(self, path: Path, network: NnbFile) -> Promise:
        """Returns what the board owes the simulator."""
        return promise_of(network, kernels_for(path, self.kernels))
