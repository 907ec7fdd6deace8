# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a network can be factorized: its weights, each with the layers that read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.analysis.compact_layers import compact_layers
from nnabla_compress.analysis.layers import WEIGHT, Layer, layers
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.transforms.factors.form import Form, Ranks
from nnabla_compress.transforms.factors.kernel import Kernel

_TYPES = ("Convolution", "Affine")


@dataclass(frozen=True)
class Site:
    """A weight, and the layers that read it.

    Args:
        layer: The first of these layers.
        readers: Their functions.
        kernels: Their kernels, none where the weight can't be factorized.
        obstacle: Why it can't, None if it can.
    """

    layer: Layer
    readers: Tuple[Any, ...]
    kernels: Tuple[Kernel, ...] = ()
    obstacle: Optional[str] = None

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    @property
    def weight(self) -> nn.Variable:
        """The parameter."""
        return self.layer.weight

    @property
    def kernel(self) -> Kernel:
        """The kernel of the first layer: all have the same weight, and the same ranks."""
        return self.kernels[0]

    @property
    def macs(self) -> int:
        """Operations of all its layers for one sample."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def weights(self) -> int:
        """Number of its weights."""
        return self.kernel.weights

    def macs_of(self, form: Form, ranks: Ranks) -> int:
        """Returns the operations of what takes their place.

        Args:
            form: The form.
            ranks: Its ranks.
        """
        return sum(form.macs(kernel, ranks) for kernel in self.kernels)

    def form_of(self, forms: Sequence[Form]) -> Tuple[List[Form], str]:
        """Returns those forms that it has, and why it has none of the others.

        Args:
            forms: Forms to choose from.
        """
        said = [(form, form.refusal(self.kernel)) for form in forms]
        return [form for form, why in said if why is None], next(
            (why for _, why in said if why is not None), ""
        )


def sites(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[Site]:
    """Returns the weights of a network in the order of execution.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path, to name the layers; by default those of the current scope.
    """
    together: Dict[Any, List[Layer]] = {}
    every = layers(outputs, parameters)
    already = {
        layer.weight.data: f"{compact} is a compact layer already"
        for compact in compact_layers(every)
        for layer in compact.layers
    }
    for layer in every:
        together.setdefault(layer.weight.data, []).append(layer)
    others: Dict[Any, List[str]] = {}
    for function in functions(outputs):
        for place, variable in enumerate(function.inputs):
            known = together.get(variable.data, [])
            if known and not (place == WEIGHT and function in {x.function for x in known}):
                others.setdefault(variable.data, []).append(function.info.type_name)
    return [
        _site(found, others.get(data, []), already.get(data)) for data, found in together.items()
    ]


def _site(found: Sequence[Layer], others: Sequence[str], already: Optional[str]) -> Site:
    readers = tuple(layer.function for layer in found)
    if already is not None:
        return Site(found[0], readers, obstacle=already)
    for layer in found:
        obstacle = _obstacle(layer)
        if obstacle is not None:
            return Site(found[0], readers, obstacle=obstacle)
    if others:
        return Site(found[0], readers, obstacle=f"its weight is read by {others[0]}, too")
    return Site(found[0], readers, tuple(Kernel.of(layer) for layer in found))


def _obstacle(layer: Layer) -> Optional[str]:
    if layer.quantizer is not None:
        return f"its weight is quantized by {shown_type(layer.quantizer)}"
    if layer.type not in _TYPES:
        return f"layers of type {layer.type} are not factorized"
    if layer.computed_by or not layer.direct:
        return f"its weight goes through {layer.computed_by or 'another function'}"
    if layer.function.info.args.get("channel_last"):
        return "its channels are last"
    return None
