# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with gates on some of its channels, computed from the gates on only."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import depending, functions, rebuild
from nnabla_compress.importances.maps import Map, copied, fill, forward


class Gates:
    """What a network gives when each channel of some of its maps is multiplied by a gate.

    What does not depend on the gates is computed once for each batch of samples.

    Args:
        network: The network in inference.
        places: Maps with the same channels; a channel has one gate in all of them.
        rows: Samples of a batch.
    """

    def __init__(self, network: Network, places: Sequence[Map], rows: int) -> None:
        outputs, gated = network.all_outputs, [place.variable for place in places]
        self._places, self._rows = list(places), rows
        behind = depending(outputs, gated)
        moving = depending([*outputs, *gated], network.all_inputs)
        reading = [f for f in functions(outputs) if behind & set(f.inputs)]
        after = {variable for function in reading for variable in function.outputs}
        fed = [v for v in gated if v not in after]  # one behind another is computed again
        fed += [v for f in reading for v in f.inputs if v not in behind and v in moving]
        self._fed = list(dict.fromkeys(fed))
        self._first, copies = copied(network, rows, [*self._fed, *gated])
        self._computed = [copies[variable] for variable in self._fed]
        self._open = [copies[variable] for variable in gated]
        self._gates = [nn.Variable(self._shape(place)) for place in places]
        self._held = [nn.Variable((rows, *v.shape[1:])) for v in self._fed]
        gate_of = {place.variable: gate for place, gate in zip(places, self._gates)}
        new: Dict[nn.Variable, nn.Variable] = {}
        with nn.auto_forward(False):
            for old, held in zip(self._fed, self._held):
                new[old] = held * gate_of[old] if old in gate_of else held

            def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
                if not any(output in gate_of for output in function.outputs):
                    return None
                made = clone(function, arguments)
                pairs = zip(function.outputs, made)
                return [y * gate_of[old] if old in gate_of else y for old, y in pairs]

            self._outputs = rebuild(outputs, replace, new)

    def begin(self, values: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Computes what no gate changes.

        Args:
            values: A batch of samples for each input of the network.

        Returns:
            Of each place what its channels hold, (rows, channels, ...), with all gates open.
        """
        fill(self._first.all_inputs, values)
        every = [*self._computed, *self._open]
        for variable in every:
            variable.persistent = True
        forward(every, lambda function: None)
        for held, computed in zip(self._held, self._computed):
            held.d = computed.d
        return [place.channels(np.array(y.d)) for place, y in zip(self._places, self._open)]

    def outputs(self, gates: np.ndarray) -> np.ndarray:
        """Returns the network's first output with gates, (rows, ...).

        Args:
            gates: One for each sample of the batch and channel, (rows, channels).
        """
        for place, variable in zip(self._places, self._gates):
            shape = [1] * variable.ndim
            shape[0], shape[place.axis] = self._rows, place.variable.shape[place.axis]
            factors = np.ones((self._rows, shape[place.axis]), np.float32)
            for channel, where in enumerate(place.where):
                factors[:, list(where)] = gates[:, channel : channel + 1]
            variable.d = np.broadcast_to(factors.reshape(shape), variable.shape)
        forward(self._outputs, lambda function: None)
        return np.array(self._outputs[0].d)

    def _shape(self, place: Map) -> List[int]:
        return [self._rows, *place.variable.shape[1:]]
