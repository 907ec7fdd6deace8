# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Gradients of few bits: those of the outputs of quantized layers are rounded stochastically.

See :func:`nnabla_compress.functions.quantized_gradient`. The noise follows from the seed of the
training and the iteration, so a training that was killed and resumed ends with the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional

import nnabla as nn
from pydantic import model_validator

from nnabla_compress.analysis.layers import layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.functions import quantized_gradient
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, register_term


@dataclass
class QuantizedGradients(Term):
    """How many bits the gradients of quantized layers' outputs have.

    Args:
        bits: 1 to 16.

    Raises:
        ConfigError: If the bits are out of range.
    """

    bits: int = 8

    def __post_init__(self) -> None:
        quantized_gradient(nn.Variable((1,)), self.bits)

    def network(self, outputs: List[nn.Variable]) -> List[nn.Variable]:
        """Returns the network with gradients rounded behind its quantized layers.

        Raises:
            ConfigError: If no layer is quantized.
        """
        chosen = {layer.function for layer in layers(outputs) if layer.quantizer is not None}
        if not chosen:
            raise ConfigError(
                "quantized_gradients: no layer of the network is quantized.",
                help="quantize weights before this training, or leave the term out",
            )

        def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            if function not in chosen:
                return None
            return quantized_gradient(clone(function, arguments)[0], self.bits)

        return rebuild(outputs, replace)


@register_term("quantized_gradients")
class QuantizedGradientsOptions(TermOptions):
    """Rounds the gradients of quantized layers' outputs to few bits, stochastically (DoReFa).

    Args:
        bits: Bits of the gradients, 1 to 16.
    """

    short = "bits"

    bits: int = 8

    @model_validator(mode="after")
    def _in_range(self) -> QuantizedGradientsOptions:
        QuantizedGradients(self.bits)
        return self

    def make(self, teacher: Build) -> QuantizedGradients:
        """Returns the term."""
        return QuantizedGradients(self.bits)

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without quantized layers.

        Raises:
            ConfigError: If no layer is quantized.
        """
        QuantizedGradients(self.bits).network(outputs)
        return []
