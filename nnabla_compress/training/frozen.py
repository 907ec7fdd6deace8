# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network that others learn from: its parameters stay what they were, and its maps have names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import named_maps
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.training.evaluate import Build, learned, outputs_of


@dataclass(frozen=True)
class FrozenNetwork:
    """A network in inference that nothing trains.

    Args:
        outputs: Its outputs by name.
        maps: What it computes on the way, by the names of
            :func:`~nnabla_compress.analysis.feature_maps.named_maps`.
    """

    outputs: Dict[str, nn.Variable]
    maps: Dict[str, nn.Variable]

    @property
    def output(self) -> nn.Variable:
        """The only output; of exits the last one.

        Raises:
            DataError: If there are several.
        """
        return learned(self.outputs)[-1]

    def quick(self) -> FrozenNetwork:
        """Returns the network computed by this package's kernels where the context is the CPU."""
        made = iter(with_cpu_kernels([*self.outputs.values(), *self.maps.values()]))
        return FrozenNetwork(dict(zip(self.outputs, made)), dict(zip(self.maps, made)))


def frozen(build: Build, x: Any) -> FrozenNetwork:
    """Returns a network in inference, with a copy of its parameters as they are now.

    Args:
        build: The network.
        x: Its input, or several by name in a dict.
    """
    outputs = outputs_of(build(x, True))
    given = [x] if isinstance(x, nn.Variable) else list(x.values())
    copies = {
        leaf: nn.Variable.from_numpy_array(np.array(leaf.d))
        for leaf in leaves(outputs.values())
        if leaf not in given
    }
    maps = named_maps(list(outputs.values()), given)
    made = rebuild([*outputs.values(), *maps.values()], inputs=copies)
    return FrozenNetwork(dict(zip(outputs, made)), dict(zip(maps, made[len(outputs) :])))
