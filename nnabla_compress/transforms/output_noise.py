# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What another weight does to a network's outputs on some samples, one weight at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Set

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import unwrapped
from nnabla_compress.graph.clone import Made, clone
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.passes import fitting_rows
from nnabla_compress.graph.rewrite import functions, rebuild, with_batch_statistics


class OutputNoise:
    """A network in inference on samples, all of whose values are kept.

    Only what stands behind a weight is computed again for another one.

    Args:
        network: The network; its parameters are as before after each measurement.
        samples: Rows for each input, by its name.

    Raises:
        DataError: If samples have another shape than the network's input.
        FixedBatchError: If the network takes another number of rows only.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 2))
        >>> network = Network({"x": x}, {"y": PF.affine(x, 2, name="fc")})
        >>> weight = nn.get_parameters()["fc/affine/W"]
        >>> noise = OutputNoise(network, {"x": np.eye(2)})
        >>> with noise.replacing(weight) as measure:
        ...     measure(0.9 * weight.d)
        0.01
    """

    def __init__(self, network: Network, samples: Mapping[str, np.ndarray]) -> None:
        rows = fitting_rows(network.inputs, samples)
        arrays = [nn.Variable.from_numpy_array(array) for array in rows]
        inputs = dict(zip(network.inputs, arrays))
        with nn.auto_forward(False):
            infers = network.giving(with_batch_statistics(network.all_outputs, False))
            self._outputs = rebuild(infers.on(inputs).all_outputs, _apart)
        self._order = functions(self._outputs)
        with unwrapped():
            nn.forward_all(self._outputs)
        self._expected = [np.array(output.d, np.float64) for output in self._outputs]
        self._signal = sum(float(np.square(y).sum()) for y in self._expected)

    @contextmanager
    def replacing(self, weight: nn.Variable) -> Iterator[Callable[[np.ndarray], float]]:
        """Gives a function of values of a weight: the noise-to-signal ratio of the outputs.

        Args:
            weight: A parameter of the network; it has its own values again behind the block.
        """
        behind = self._behind(weight)
        own = np.array(weight.d)

        def measure(values: np.ndarray) -> float:
            weight.d = values
            self._compute(behind)
            pairs = zip(self._outputs, self._expected)
            noise = sum(float(np.square(np.asarray(y.d) - want).sum()) for y, want in pairs)
            found = noise / self._signal if self._signal else noise
            return float(f"{found:.6g}") if np.isfinite(found) else 1e30

        try:
            yield measure
        finally:
            weight.d = own
            self._compute(behind)

    def moments(self, weight: nn.Variable, groups: int) -> np.ndarray:
        """Returns second moments of what the layers of a weight give, (groups, outputs, outputs).

        Args:
            weight: The parameter.
            groups: Groups of channels that don't meet.
        """
        total: Optional[np.ndarray] = None
        for function in self._order:
            if len(function.inputs) > WEIGHT and function.inputs[WEIGHT].data == weight.data:
                found = _moments(function, groups)
                total = found if total is None else total + found
        assert total is not None
        return total

    def close(self) -> None:
        """Gives the memory of all values back."""
        self._outputs, self._order = [], []
        clear_memory_cache()

    def _behind(self, weight: nn.Variable) -> List[Any]:
        changed: Set[nn.Variable] = set()
        found = []
        for function in self._order:
            own = any(v.data == weight.data for v in function.inputs if v.parent is None)
            if own or changed.intersection(function.inputs):
                found.append(function)
                changed.update(function.outputs)
        return found

    def _compute(self, behind: Sequence[Any]) -> None:
        with unwrapped():
            for function in behind:
                function.forward(function.inputs, function.outputs)


def _apart(function: Any, arguments: List[nn.Variable]) -> Optional[Made]:
    """A function that overwrites none of its inputs, which are needed again."""
    if not function.info.args.get("inplace"):
        return None
    return clone(function, arguments, {"inplace": False})


def _moments(function: Any, groups: int) -> np.ndarray:
    y = function.outputs[0]
    base = int(function.info.args["base_axis"]) % len(function.inputs[0].shape)
    channels = (
        int(np.prod(y.shape[base:])) if function.info.type_name == "Affine" else y.shape[base]
    )
    rows = int(np.prod(y.shape[:base]))
    values = np.array(y.d, np.float64).reshape(rows, groups, channels // groups, -1)
    by_channel = values.transpose(1, 2, 0, 3).reshape(groups, channels // groups, -1)
    return np.asarray(by_channel @ by_channel.transpose(0, 2, 1) / max(1, by_channel.shape[2]))
