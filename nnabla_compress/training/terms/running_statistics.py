# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running statistics of batch normalizations that keep up with quantized weights."""

from __future__ import annotations

import nnabla as nn

from nnabla_compress.graph.rewrite import functions
from nnabla_compress.training.terms.term import Term, Training

_BATCHES = 40


class RunningStatistics(Term):
    """Lets running statistics follow the weights of now before a quantized network is scored.

    A quantized weight jumps from value to value, and the statistics lag behind: forty batches are
    computed for them alone.
    """

    def attach(self, training: Training) -> None:
        """Takes part where there are quantizers and statistics of batches."""
        self._training = training
        self._needed = bool(training.quantizers) and any(
            function.info.args.get("batch_stat") for function in functions(training.outputs)
        )

    def end_epoch(self, done: int) -> None:
        """Computes batches for the statistics."""
        if self._needed:
            for _ in self._training.batches_behind(done, _BATCHES):
                nn.forward_all(self._training.outputs, clear_buffer=True)
