# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether bits that are to be learned ever move, and what memory the network takes."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from nnabla_compress.regularizers import NetworkMemory
from nnabla_compress.training.terms.term import Term, Training


class LearnedBits(Term):
    """Monitors the memory of a quantized network, and notices bits that never moved."""

    def __init__(self) -> None:
        self._training: Optional[Training] = None
        self._first: List[float] = []
        self._moved = False

    def attach(self, training: Training) -> None:
        """Takes part where there are quantizers."""
        self._training = training if training.quantizers else None

    def begin(self) -> None:
        """Remembers the bits at the start."""
        self._first = self._bits()

    def end_epoch(self, done: int) -> None:
        """Looks whether any bits have changed."""
        self._moved = self._moved or self._bits() != self._first

    def monitors(self) -> Mapping[str, float]:
        """Returns mean bits of a weight, and what weights and activations take."""
        if self._training is None:
            return {}
        memory = NetworkMemory.of(self._training.outputs)
        weights = sum(tensor.elements for tensor in memory.weights)
        found = {
            "Bits": 8 * memory.weight_bytes / max(weights, 1),
            "Size kB": memory.weight_bytes / 1024,
        }
        if memory.activations:
            found["Activations size kB"] = memory.activation_bytes / 1024
            found["Largest activation size kB"] = memory.largest_activation_bytes / 1024
        return found

    def state(self) -> Dict[str, Any]:
        """Returns the bits at the start, and whether they moved."""
        return {"bits": self._first, "bits_moved": self._moved}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        self._first = state.get("bits", self._first)
        self._moved = bool(state.get("bits_moved", False))

    def outcome(self) -> Dict[str, Any]:
        """Returns whether any learned bit width changed; nothing if none was to be learned."""
        return {"bits_moved": self._moved} if self._first else {}

    def _bits(self) -> List[float]:
        """Bits of the tensors whose bits are learned, in the order of execution."""
        if self._training is None:
            return []
        memory = NetworkMemory.of(self._training.outputs)
        tensors = (*memory.weights, *memory.activations)
        return [tensor.bits for tensor in tensors if tensor.learns_bits]
