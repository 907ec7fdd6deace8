# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with fewer channels and with layers factorized, before anything is quantized."""

from __future__ import annotations

import glob
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Sequence

import nnabla as nn

from nnabla_compress.graph.network import Network
from nnabla_compress.transforms import transform_named


@dataclass(frozen=True)
class Smaller:
    """What makes a network smaller: channels that go, then layers that are factorized.

    Args:
        remove: Channels by the name of their group.
        factors: ``method`` and ``ranks`` by layer.

    Example:
        >>> Smaller({"a/conv": [0, 3]}, {"fc/affine": {"method": "svd", "ranks": [4]}}).steps()[0]
        {'remove_channels': {'remove': {'a/conv': [0, 3]}}}
    """

    remove: Mapping[str, Sequence[int]] = field(default_factory=dict)
    factors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def steps(self) -> List[Dict[str, Dict[str, Any]]]:
        """Returns the steps of a recipe that do it, in order."""
        found: List[Dict[str, Dict[str, Any]]] = []
        if self.remove:
            remove = {name: list(channels) for name, channels in self.remove.items()}
            found.append({"remove_channels": {"remove": remove}})
        by_method: Dict[str, Dict[str, List[int]]] = {}
        for name, said in self.factors.items():
            # A name is no pattern, whatever it holds.
            ranks = by_method.setdefault(said["method"], {})
            ranks[glob.escape(name)] = list(said["ranks"])
        for method, ranks in by_method.items():
            options = {"method": method, "layers": list(ranks), "ranks": ranks, "samples": 0}
            found.append({"factorize": options})
        return found

    def of(self, network: Network) -> Network:
        """Returns the smaller network; its parameters take the places of those in the scope.

        Args:
            network: The network, its parameters in the current scope.

        Raises:
            CompressError: If it can't be made so small.
        """
        for step in self.steps():
            for name, options in step.items():
                network, _ = transform_named(name).checked(options).apply(network)
        return network


@contextmanager
def parameters_aside() -> Iterator[None]:
    """What happens to the parameter scope within the block is forgotten, but for values."""
    parameters = nn.get_parameters(grad_only=False)
    with nn.parameter_scope("", OrderedDict()):
        for path, parameter in parameters.items():
            nn.parameter.set_parameter(path, parameter)
        yield
