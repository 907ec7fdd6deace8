# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Channels without which the layers that read them can no longer give what they gave.

Of a layer ``y = W x`` that reads the channels R of all, refitted by least squares, the channel goes
next that costs least, c in R, until one is left::

    e_c = sum_o a_o^2 w_oc [P_cc]^-1 w_oc^T / sum_o a_o^2 var(y_o),      P = Cov(x_R)^-1
    W <- W - W_c [P_cc]^-1 P_cR,            P <- P_RR - P_Rc [P_cc]^-1 P_cR

x are patches, w_oc the weights by which output o reads channel c, a_o what a normalization behind
the layer multiplies it with. The importance of a channel is the sum of all e up to its own: which
part of the variance of y is lost when it and all that are less important are gone. Where something
is added to y, as in residual blocks, it is a part of the variance of the sum.

An optimal brain surgeon takes single weights out so (B. Hassibi, D. Stork, NIPS 1992); ThiNet
chooses channels one by one without refitting in between (J.-H. Luo, J. Wu, W. Lin,
arXiv:1707.06342).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.batch_normalization import scale_and_shift
from nnabla_compress.analysis.couplings import Group, Member, parameters_of
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.analysis.patches import patches, rows_of
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.passes import fitting_rows
from nnabla_compress.graph.replay import Replay
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.importance import Importance, register_importance
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked

_TYPES = ("Convolution", "Affine")
_POSITIONS = 200  # for each weight of an output
_DAMPING = 1e-3


@register_importance("reconstruction")
class Reconstruction(Importance):
    """Ranks channels by what the layers that read them lose, refitted by least squares.

    Args:
        samples: Samples to look at, drawn from the training samples.
    """

    short = "samples"
    needs_data = True
    comparable = True

    samples: int = Field(default=256, ge=1)

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the part of the variance that is lost up to each channel.

        Raises:
            ConfigError: If no convolution or affine layer reads the channels of a group.
            DataError: If there are no samples, or they have another shape than the network's input.
        """
        samples = fitting_rows(network.inputs, self.drawn(evidence, self.samples))
        readable = {layer.weight_name: layer for layer in _readable(network)}
        wanted: Dict[Any, Layer] = {}
        for group in groups:
            found = [readable[m.parameter] for m in _read(group) if m.parameter in readable]
            if not found:
                raise ConfigError(
                    f"importance {self.name} looks at the layers that read channels, and no "
                    f"ordinary convolution or affine layer reads those of {group.name}.",
                    help="choose other layers, or another importance, such as l1",
                )
            wanted.update((layer.function, layer) for layer in found)
        readers = _readers(network, wanted, samples, evidence.seed)
        return {group.name: _losses(group, readers) for group in groups}


def _read(group: Group) -> List[Member]:
    return [member for member in group.members if member.role == "input"]


def _readable(network: Network) -> List[Layer]:
    return [
        layer
        for layer in layers(network.all_outputs, parameters_of(network))
        if layer.type in _TYPES
        and layer.direct
        and not layer.shared
        and not layer.function.info.args.get("channel_last")
        and int(layer.function.info.args.get("group", 1)) == 1
    ]


@dataclass
class _Reader:
    """A layer that reads channels.

    Args:
        weight: (outputs, row), each output in the scale of what comes behind.
        covariance: Of patches, (row, row).
        places: Which entries of a row the weights at each position of the input axis are.
        variance: Of what the layer gives, or of its sum with what is added to it.
    """

    weight: np.ndarray
    covariance: np.ndarray
    places: np.ndarray
    variance: float

    def rows(self, where: Sequence[int]) -> np.ndarray:
        """Returns the entries of a row that read channels at positions of the weight's axis."""
        return self.places[list(where)].ravel()


def _readers(
    network: Network, wanted: Mapping[Any, Layer], samples: Sequence[np.ndarray], seed: int
) -> Dict[str, _Reader]:
    """Layers, by the paths of their weights, with what they read of samples."""
    outputs, rng = network.all_outputs, np.random.RandomState(seed)
    behind = consumers(outputs)
    replay = Replay(outputs, network.all_inputs, samples)
    found: Dict[str, _Reader] = {}
    sums: Dict[Any, _Reader] = {}
    for function in tracked("reconstruction", functions(outputs), len(functions(outputs))):
        if function in wanted:
            layer = wanted[function]
            replay.run_until(function)
            scale, added = _behind(function.outputs[0], behind)
            reader = _reader(layer, replay.value(function.inputs[0]), scale, rng)
            found[layer.weight_name] = reader
            if added is not None:
                sums[added] = reader
        elif function in sums:
            replay.run_through(function)
            y = replay.value(function.outputs[0])
            sums[function].variance = float(y.var(axis=(0, *range(2, y.ndim))).sum())
    give_back()
    return found


def _behind(y: nn.Variable, readers: Mapping[nn.Variable, List[Any]]) -> Tuple[np.ndarray, Any]:
    """What a normalization behind a layer multiplies its outputs with, and what adds to them."""
    scale, function = np.ones(1), _only(readers.get(y, []))
    if function is not None and function.info.type_name in NORMALIZATIONS:
        scale = scale_and_shift(function)[0].ravel()
        function = _only(readers.get(function.outputs[0], []))
    added = function is not None and function.info.type_name == "Add2"
    return scale, function if added else None


def _only(readers: Sequence[Any]) -> Any:
    return readers[0] if len(readers) == 1 else None


def _reader(layer: Layer, x: np.ndarray, scale: np.ndarray, rng: np.random.RandomState) -> _Reader:
    (rows,) = rows_of(layer, np.asarray(layer.weight.d, np.float64))
    size = rows.shape[1]
    nothing = np.broadcast_to(np.float32(0), (len(x), *layer.output_shape[1:]))
    total, moments, count = np.zeros(size), np.zeros((size, size)), 0
    for found in patches(layer, x, nothing, _POSITIONS * size, rng).inputs():
        values = found[:, 0].astype(np.float64)
        total += values.sum(axis=0)
        moments += values.T @ values
        count += len(values)
    mean = total / count
    covariance = moments / count - np.outer(mean, mean)
    if scale.size == len(rows):
        rows = rows * np.abs(scale)[:, None]
    kernel = 1 if layer.type == "Affine" else int(np.prod(layer.shape[2:]))
    variance = float(np.einsum("or,rs,os->", rows, covariance, rows))
    return _Reader(rows, covariance, np.arange(size).reshape(-1, kernel), variance)


def _losses(group: Group, readers: Dict[str, _Reader]) -> np.ndarray:
    """The sum over all readers of what is lost up to each channel."""
    parts = [
        _Elimination(reader, [reader.rows(places) for places in member.where])
        for member in _read(group)
        for reader in [readers.get(member.parameter)]
        if reader is not None
    ]
    left, lost = list(range(group.size)), 0.0
    scores = np.zeros(group.size)
    while left:
        costs = sum(part.costs(left) for part in parts)
        channel = left.pop(int(np.argmin(costs)))
        lost += float(np.min(costs))
        scores[channel] = lost
        if left:
            for part in parts:
                part.remove(channel)
    return scores


class _Elimination:
    """A layer that loses one channel after the other, refitted each time."""

    def __init__(self, reader: _Reader, rows: Sequence[np.ndarray]) -> None:
        self._rows = rows
        self._weight = np.array(reader.weight)
        diagonal = np.diagonal(reader.covariance)
        self._variance = reader.variance or 1.0
        damping = _DAMPING * (diagonal + 1e-6 * diagonal.mean() + 1e-30)
        self._inverse = np.linalg.inv(reader.covariance + np.diag(damping))

    def costs(self, channels: Sequence[int]) -> np.ndarray:
        """Returns what goes with each channel, as a part of the variance of the outputs."""
        rows = np.stack([self._rows[channel] for channel in channels])
        blocks = self._inverse[rows[:, :, None], rows[:, None, :]]
        weights = self._weight[:, rows].transpose(1, 2, 0)
        solved = np.linalg.solve(blocks, weights)
        return np.einsum("cko,cko->c", weights, solved) / self._variance

    def remove(self, channel: int) -> None:
        """Takes a channel out and refits the others."""
        rows = self._rows[channel]
        gain = np.linalg.solve(self._inverse[np.ix_(rows, rows)], self._inverse[rows])
        self._weight -= self._weight[:, rows] @ gain
        self._inverse -= self._inverse[:, rows] @ gain
