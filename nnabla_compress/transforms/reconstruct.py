# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Weights of a network without channels, refitted so that its layers give what they gave before.

Layer by layer in the order of execution, with the layers before it refitted already::

    (W, b) = argmin sum_p || y_p - W x_p - b ||^2 + damping tr(W_d C W_d^T),    W_d = W - W_0

x_p are patches of what the layer reads now, y_p what it gave in the given network at the same
positions of the same samples, W_0 its weights of now and C the diagonal of the mean of x x^T. A
layer without a bias has b taken off the running mean of the normalization behind it. Where
something is added to what it gives, as in residual blocks, y_p makes up for how that differs.

Y. He, X. Zhang, J. Sun, Channel pruning for accelerating very deep neural networks,
arXiv:1707.06168; J.-H. Luo, J. Wu, W. Lin, ThiNet, arXiv:1707.06342.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import scale_and_shift, statistics_of
from nnabla_compress.analysis.couplings import Couplings, parameters_of
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.analysis.patches import patches, rows_of, weight_of
from nnabla_compress.function_types import FORWARD_LAYERS, NORMALIZATIONS, WEIGHTED
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.passes import fitting_rows
from nnabla_compress.graph.replay import Replay
from nnabla_compress.graph.rewrite import consumers, functions, rebuild, with_batch_statistics
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time

# Positions for each weight of a row, so many that what is fitted to them holds for others.
_POSITIONS = 200
_DAMPING = 1e-3
Kept = Callable[[nn.Variable], Mapping[int, np.ndarray]]


@one_at_a_time
def reconstruct(
    given: Network,
    made: Network,
    remove: Mapping[str, Sequence[int]],
    samples: Mapping[str, np.ndarray],
    seed: int = 0,
) -> List[str]:
    """Refits the weights and biases of all layers behind removed channels, in place.

    Quantized, shared and computed weights stay as they are, and so do layers whose weight is not
    multiplied with patches, as that of a deconvolution.

    Args:
        given: The network with all channels.
        made: The network without some, with parameters of its own.
        remove: The channels by the name of their group.
        samples: Samples (N, ...) by the name of the input.
        seed: What positions are drawn with, where there are more than are needed.

    Returns:
        The names of the layers that were refitted.

    Raises:
        DataError: If samples have another shape than the network's input, or are too few for it.

    References:
        Y. He, X. Zhang, J. Sun, arXiv:1707.06168.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.transforms.remove_channels import remove_channels
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 2))
        >>> network = Network({"x": x}, {"y": PF.affine(PF.affine(x, 2, name="a"), 1, name="b")})
        >>> for name, values in (("a", [[1, 2], [3, 6]]), ("b", [[1], [1]])):
        ...     network.parameters[f"{name}/affine/W"].d = values
        >>> made = remove_channels(network, {"a/affine": [1]})
        >>> reconstruct(network, made, {"a/affine": [1]}, {"x": np.float32([[1, 0], [0, 1]])})
        ['b/affine']
        >>> made.parameters["b/affine/W"].d.round(1).tolist()  # each gives what both gave
        [[3.0]]
    """
    twins = _Twins(given, made, remove)
    wanted = [layer for layer in twins.layers if twins.changed(layer.function.inputs[0])]
    now, then = twins.replays(fitting_rows(made.inputs, samples))
    rng = np.random.RandomState(seed)
    for layer in tracked("reconstruct", wanted, len(wanted)):
        twin = twins.of(layer)
        now.run_until(layer.function)
        then.run_through(twin.function)
        target = twins.kept(twin.function.outputs[0], then.value(twin.function.outputs[0]))
        behind, before = twins.behind(layer), twins.behind(twin, in_given=True)
        if behind.other is not None and before.other is not None:
            if now.has(behind.other) and then.has(before.other):
                off = now.value(behind.other) - twins.kept(before.other, then.value(before.other))
                target = target - off / behind.scale
        x = now.value(layer.function.inputs[0])
        _refit(layer, x, target, behind, rng)
    give_back()
    return [layer.name for layer in wanted]


@dataclass(frozen=True)
class _Behind:
    """What comes behind a layer.

    Args:
        mean: The running mean of the normalization behind it, which nothing else reads.
        scale: What that multiplies each channel with, in the shape of the mean; 1 without.
        other: What is added behind that, None if nothing is.
    """

    mean: Optional[nn.Variable] = None
    scale: Any = 1.0
    other: Optional[nn.Variable] = None


class _Twins:
    """A network with and without channels, in inference, and what belongs together in both."""

    def __init__(self, given: Network, made: Network, remove: Mapping[str, Sequence[int]]) -> None:
        self._given, self._made = (
            network.giving(with_batch_statistics(network.all_outputs, False))
            for network in (_apart(given), made)
        )
        self._couplings = Couplings(self._given)
        self._gone = self._couplings.gone(remove)
        self._readers = consumers([*self._given.all_outputs, *self._made.all_outputs])
        order = functions(self._made.all_outputs)
        self._uses = Counter(v.data for function in order for v in function.inputs)
        self._twins = {layer.name: layer for layer in _layers(self._given)}
        self.layers = [layer for layer in _layers(self._made) if self._can_be_fitted(layer)]
        smaller = self._smaller()
        self._changed: Set[nn.Variable] = set()
        for function in order:
            if any(v in self._changed or v.data in smaller for v in function.inputs):
                self._changed.update(function.outputs)

    def _smaller(self) -> Set[Any]:
        """The arrays of the parameters that lost entries."""
        lost = {
            path
            for path, variable in parameters_of(self._given).items()
            if self._couplings.kept(variable, self._gone)
        }
        found = parameters_of(self._made).items()
        return {variable.data for path, variable in found if path in lost}

    def _can_be_fitted(self, layer: Layer) -> bool:
        twin = self._twins.get(layer.name)
        return (
            layer.type in FORWARD_LAYERS
            and layer.direct
            and layer.quantizer is None
            and self._uses[layer.weight.data] == 1
            and (layer.bias is None or self._is_own(layer.bias))
            and not layer.function.info.args.get("channel_last")
            and twin is not None
            and self._kept_shape(twin.function.outputs[0]) == layer.output_shape
        )

    def _is_own(self, parameter: nn.Variable) -> bool:
        return parameter.parent is None and self._uses[parameter.data] == 1

    def _kept_shape(self, variable: nn.Variable) -> Any:
        kept = self._couplings.kept(variable, self._gone)
        return tuple(len(kept[a]) if a in kept else n for a, n in enumerate(variable.shape))

    def changed(self, variable: nn.Variable) -> bool:
        """Whether a variable of the smaller network differs from its twin."""
        return variable in self._changed

    def of(self, layer: Layer) -> Layer:
        """Returns the layer of the given network."""
        return self._twins[layer.name]

    def replays(self, rows: Sequence[np.ndarray]) -> List[Replay]:
        """Returns the smaller and the given network on their way through samples."""
        return [
            Replay(network.all_outputs, network.all_inputs, rows, late=_has_weights)
            for network in (self._made, self._given)
        ]

    def kept(self, variable: nn.Variable, values: np.ndarray) -> np.ndarray:
        """Returns those values of a variable of the given network that the smaller one has."""
        for axis, places in self._couplings.kept(variable, self._gone).items():
            values = np.take(values, places, axis)
        return values

    def behind(self, layer: Layer, in_given: bool = False) -> _Behind:
        """Returns what comes behind a layer."""
        variable, mean = layer.function.outputs[0], None
        scale: Any = 1.0
        function = self._only_reader(variable)
        if function is not None and function.info.type_name in NORMALIZATIONS:
            running, variance = statistics_of(function)
            if not in_given and self._is_own(running) and running.size == variable.shape[1]:
                mean = running
            scale = scale_and_shift(function)[0]
            scale = np.where(np.abs(scale) > _TINY, scale, np.inf)
            variable = function.outputs[0]
            function = self._only_reader(variable)
        if function is None or function.info.type_name != "Add2":
            return _Behind(mean, scale)
        others = [v for v in function.inputs if v != variable]
        fits = len(others) == 1 and others[0].shape == variable.shape
        return _Behind(mean, scale, others[0] if fits else None)

    def _only_reader(self, variable: nn.Variable) -> Any:
        readers = self._readers.get(variable, [])
        return readers[0] if len(readers) == 1 else None


_TINY = 1e-6


def _has_weights(function: Any) -> bool:
    """What is added to what a layer gives is known before it, unless another layer gives it."""
    return function.info.type_name in WEIGHTED


def _apart(network: Network) -> Network:
    """The network with copies of its parameters, which a smaller one of it may share."""
    copies: Dict[nn.Variable, nn.Variable] = {}
    paths: Dict[Any, str] = {}
    for path, variable in parameters_of(network).items():
        copies[variable] = constant(np.array(variable.d), path, variable.need_grad)
        paths[copies[variable].data] = path
    return replace(network.giving(rebuild(network.all_outputs, inputs=copies)), paths=paths)


def _layers(network: Network) -> List[Layer]:
    return layers(network.all_outputs, parameters_of(network))


def _refit(
    layer: Layer, x: np.ndarray, target: np.ndarray, behind: _Behind, rng: np.random.RandomState
) -> None:
    rows = rows_of(layer, np.asarray(layer.weight.d, np.float64))
    groups, outputs, size = rows.shape
    shifts = layer.bias is not None or behind.mean is not None
    seen = np.zeros((groups, size + 1, size + 1))
    wanted = np.zeros((groups, size + 1, outputs))
    count = 0
    for found, values in patches(layer, x, target, _POSITIONS * (size + 1), rng):
        ones = np.ones((*found.shape[:2], 1))
        inputs = np.concatenate([found, ones], axis=2).transpose(1, 2, 0)
        seen += inputs @ inputs.transpose(0, 2, 1)
        wanted += inputs @ values.transpose(1, 0, 2).astype(np.float64)
        count += len(found)
    bias = np.zeros(groups * outputs) if layer.bias is None else np.array(layer.bias.d, np.float64)
    start = np.concatenate([rows, bias.reshape(groups, outputs, 1)], axis=2)
    fitted = _solved(seen / count, wanted / count, start, shifts)
    layer.weight.d = weight_of(layer, fitted[..., :size])
    shift = fitted[..., size].reshape(-1)
    if layer.bias is not None:
        layer.bias.d = shift.reshape(layer.bias.shape)
    elif behind.mean is not None:
        behind.mean.d = behind.mean.d - shift.reshape(behind.mean.shape)


def _solved(seen: np.ndarray, wanted: np.ndarray, start: np.ndarray, shifts: bool) -> np.ndarray:
    """Returns weights and shifts, (groups, outputs, size + 1), from moments."""
    size = seen.shape[1] - 1
    if not shifts:
        seen, wanted, start = seen[:, :size, :size], wanted[:, :size], start[..., :size]
    scale = np.trace(seen, axis1=1, axis2=2) / max(1, seen.shape[1])
    diagonal = np.diagonal(seen, axis1=1, axis2=2) + 1e-6 * scale[:, None]
    damping = _DAMPING * diagonal
    if shifts:
        damping[:, -1] = 0  # nothing holds the shift back
    damped = seen + damping[:, None] * np.eye(seen.shape[1])
    missing = wanted - seen @ start.transpose(0, 2, 1)
    found = start + np.linalg.solve(damped, missing).transpose(0, 2, 1)
    if shifts:
        return found
    return np.concatenate([found, np.zeros((*found.shape[:2], 1))], axis=2)
