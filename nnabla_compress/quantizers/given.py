# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers that networks come with: what NNabla's own quantize functions are read as."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar, Sequence, Tuple, Type

import nnabla as nn

from nnabla_compress.quantizers.base import Quantizer, QuantizerFunction


class GivenQuantizer(Quantizer):
    """A quantizer that stands for functions of NNabla; a subclass is a dataclass of its options."""

    state_names: ClassVar[Tuple[str, ...]] = ()
    """Parameters that a training goes on from, by their names within the scope of the layer."""

    @classmethod
    def node_class(cls) -> Type[QuantizerFunction]:
        """Returns the class of its nodes."""
        raise NotImplementedError

    def on(
        self, x: nn.Variable, tables: Sequence[nn.Variable], name: str, given: bool = False
    ) -> nn.Variable:
        """Returns the quantized tensor.

        Args:
            x: The tensor.
            tables: What the node reads beside it, such as ranges.
            name: The layer, as messages call it.
            given: Whether the network had the quantizer before it was compressed.
        """
        options = asdict(self)  # type: ignore[call-overload]
        args = {**options, "name": name, "given": given}
        return self.node_class()(type(self), args, (x, *tables)).node()

    def at_rest(self) -> GivenQuantizer:
        """Returns the quantizer for a network that infers: it learns nothing of what it sees."""
        return self

    def resumed(
        self, read: Sequence[nn.Variable], name: str, running: bool = False
    ) -> Sequence[nn.Variable]:
        """Makes the parameters of its state, where a layer of a file stopped.

        Args:
            read: What the layer reads: its input, its weight, and the rest.
            name: The layer, as messages call it.
            running: Whether NNabla has its function at work: then what that counts goes on, which a
                file begins anew.

        Returns:
            What stands in the current scope under ``state_names``, in this order.
        """
        return ()
