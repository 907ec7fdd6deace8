# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``portable``: the same values in NNabla, in Neural Network Console, on the C runtime."""

from __future__ import annotations

from typing import Sequence

import nnabla as nn

from nnabla_compress.exporters.inference import Network
from nnabla_compress.exporters.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.exporters.targets.target import ExportOptions, Lowered, Target, lower_plainly


class Portable(Target):
    """Native functions in float, with weights decoded in the graph from the codes stored."""

    name = "portable"
    rules = RULES
    ways_out = WAYS_OUT

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network from native functions, its weights stored as ``options`` say."""
        return lower_plainly(network, folded)
