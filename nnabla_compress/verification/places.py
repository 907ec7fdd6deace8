# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Further places that compute a network, which a verification takes without knowing them."""

from __future__ import annotations

from pathlib import Path

from nnabla_compress.nnb import NnbFile
from nnabla_compress.simulator import Machine
from nnabla_compress.verification.engines import Engine
from nnabla_compress.verification.report import Promise


class Place:
    """Somewhere that an ``.nnb`` runs, and what it owes the simulator."""

    def engine(self, path: Path, machine: Machine) -> Engine:
        """Returns what runs a file.

        Args:
            path: The ``.nnb``.
            machine: The simulator with it.
        """
        raise NotImplementedError

    def promise(self, path: Path, network: NnbFile) -> Promise:
        """Returns what it owes the simulator.

        Args:
            path: The ``.nnb``.
            network: What it holds.
        """
        raise NotImplementedError
