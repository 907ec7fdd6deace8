# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network that others learn from: its parameters stay what they were, and its maps have names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import named_maps
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.training.evaluate import Build, judged, outputs_of


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
        """The only output.

        Raises:
            DataError: If there are several.
        """
        return judged(self.outputs)


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
