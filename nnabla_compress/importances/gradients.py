# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The loss of samples and its gradients, batch by batch."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.errors import CompressError, DataError, unwrapped
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Examples
from nnabla_compress.importances.maps import BATCH, batches, copied, fill
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers.engine import host_array

Look = Callable[[int, np.ndarray, np.ndarray], np.ndarray]


class Gradients:
    """A network with its loss: the sum of the losses of the samples of a batch.

    Args:
        network: The network in inference; the loss acts on its only output.
        examples: Samples and targets.
        wanted: Variables of its graph whose values and gradients are asked for.
        weights: Parameters whose gradients are asked for.

    Raises:
        DataError: If samples or targets have another shape.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        wanted: Sequence[nn.Variable] = (),
        weights: Sequence[nn.Variable] = (),
    ) -> None:
        self._rows = [*network.in_order(examples.inputs), examples.targets]
        self.count = len(examples.targets)
        size = rows_of(network.all_outputs, network.all_inputs, min(BATCH, self.count))
        made, copies = copied(network, size, wanted)
        targets = nn.Variable((size, *(examples.targets.shape[1:] or (1,))))
        self._counts = nn.Variable((size, 1))
        self._own = [*made.all_inputs, targets]
        self._size, self._weights = size, list(weights)
        with nn.auto_forward(False):
            losses = examples.losses(made.output, targets)
            self._loss = F.sum(losses * self._counts)
        self._asked: Dict[Any, List[Tuple[int, int]]] = {}
        for number, variable in enumerate(wanted):
            copy = copies[variable]
            copy.persistent = True
            position = copy.parent.outputs.index(copy)
            self._asked.setdefault(copy.parent, []).append((number, position))

    def each(self, look: Look) -> Iterator[List[np.ndarray]]:
        """Passes all samples forward and back.

        Args:
            look: Called with the number of a wanted variable, its values and the gradient of the
                loss with respect to them, for the samples of a batch that count.

        Yields:
            For each batch what ``look`` returned, by number.
        """
        found: Dict[int, np.ndarray] = {}

        def before(count: int, function: Any) -> None:
            for number, position in self._asked.get(function, ()):
                output = function.outputs[position]
                values = host_array(output.data, np.float32)
                gradients = host_array(output.grad, np.float32)
                found[number] = look(number, values[:count], gradients[:count])

        for count in self._batches():
            self._backward(partial(before, count))
            yield [found[number] for number in sorted(found)]
        give_back()

    def of_weights(self) -> List[np.ndarray]:
        """Returns the gradients of the mean loss with respect to the weights, float64."""
        found = [np.zeros(weight.shape) for weight in self._weights]
        for _ in self._batches():
            for weight in self._weights:
                weight.grad.zero()
            self._backward()
            for total, weight in zip(found, self._weights):
                total += weight.g
        return [total / self.count for total in found]

    def _batches(self) -> Iterator[int]:
        parts = -(-self.count // self._size)
        for values, count in tracked("gradients", batches(self._rows, self._size), parts):
            fill(self._own, values)
            self._counts.d = (np.arange(self._size) < count).reshape(-1, 1)
            yield count

    def _backward(self, before: Any = None) -> None:
        try:
            with unwrapped():
                self._loss.forward(clear_no_need_grad=True)
                self._loss.backward(clear_buffer=True, function_pre_hook=before)
        except CompressError:
            raise
        except Exception as error:
            raise DataError(
                f"the network's loss can't be computed, or not its gradients: {error}.",
                help="choose an importance that needs no gradients, such as l1",
            ) from error
