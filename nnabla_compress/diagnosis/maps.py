# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""How far the maps of a compressed network are from those of the float network, one by one.

With a map m of the float network and q of the compressed one, channel c of both::

    a[c] = <q[c], m[c]> / <m[c], m[c]>,  at least 0
    SNR  = 10 log10(sum |a m|^2 / sum |q - a m|^2)   in dB

The factor a is allowed for, because equalization scales channels and the next layer scales them
back; it is 1 where nothing does.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import decibels
from nnabla_compress.analysis.feature_maps import activations
from nnabla_compress.diagnosis.passes import passed
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.quantizers.base import quantizer_of

_AT_ONCE = 1 << 20  # numbers


class MapNoise(NamedTuple):
    """How far a map is from that of the float network.

    Args:
        name: The map: the last layer before it and its type, or the output of the network.
        snr: Signal-to-noise ratio in dB.
    """

    name: str
    snr: float

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as JSON takes it."""
        return {"name": self.name, "snr": round(self.snr, 2)}


def shown_maps(network: Network) -> Dict[str, nn.Variable]:
    """Returns the maps that are compared, by name: what activation functions give, and outputs.

    Args:
        network: The network, quantized or not: of a quantized map it is what is quantized.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.affine(F.relu(PF.affine(x, 3, name="a")), 2, name="b")
        >>> list(shown_maps(Network({"x": x}, {"y": y})))
        ['a/affine/relu', 'output']
    """
    outputs = network.all_outputs
    readers = consumers(outputs)
    found = {}
    for each in activations(outputs):
        behind = [f for f in readers.get(each.variable, []) if f is not None]
        if len(behind) == 1 and quantizer_of(behind[0]) is not None:
            found[each.name] = behind[0].outputs[0]
        else:
            found[each.name] = each.variable
    for name, output in network.outputs.items():
        found["output" if len(outputs) == 1 else f"output {name}"] = output
    return found


def kept_maps(network: Network, arrays: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Returns copies of the maps of a network on samples, by name.

    Args:
        network: The network, for inference.
        arrays: Samples (N, ...) by name of the input.
    """
    shown = shown_maps(network)
    parts: Dict[str, List[np.ndarray]] = {name: [] for name in shown}
    # One variable may have two names: the last activation is an output.
    names: Dict[nn.Variable, List[str]] = {}
    for name, variable in shown.items():
        names.setdefault(variable, []).append(name)

    def keep(all_names: List[str]) -> Any:
        def see(values: np.ndarray) -> None:
            copied = np.array(values)
            for name in all_names:
                parts[name].append(copied)

        return see

    passed(network, arrays, left={variable: keep(named) for variable, named in names.items()})
    return {
        name: found[0] if len(found) == 1 else np.concatenate(found)
        for name, found in parts.items()
        if found
    }


def noises(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> List[MapNoise]:
    """Returns how far maps are apart, in the order of ``after``; maps of other shapes are left out.

    Args:
        before: Maps of the float network by name, (N, channels, ...).
        after: Those of the compressed one, on the same samples.

    Example:
        >>> m = np.float32([[1, 2], [3, 4]])
        >>> found = noises({"a": m, "b": m}, {"a": 2 * m, "b": m + np.float32([[0.1, 0], [0, 0]])})
        >>> [(each.name, round(each.snr, 1)) for each in found]
        [('a', 300.0), ('b', 35.3)]
    """
    found = []
    for name, q in after.items():
        m = before.get(name)
        if m is None or m.shape != q.shape or m.ndim < 2:
            continue
        found.append(MapNoise(name, snr_by_channel(m, q)))
    return found


def snr_by_channel(m: np.ndarray, q: np.ndarray) -> float:
    """Returns the signal-to-noise ratio of a map in dB, a factor for each channel allowed for.

    Args:
        m: The map of the float network, (N, channels, ...).
        q: That of the compressed network.
    """
    axes, signal, noise = (0, *range(2, m.ndim)), 0.0, 0.0
    step = max(1, _AT_ONCE * m.shape[1] // max(1, m.size))
    for start in range(0, m.shape[1], step):  # in float64, which takes eight bytes a number
        channels = slice(start, start + step)
        m64, q64 = m[:, channels].astype(np.float64), q[:, channels].astype(np.float64)
        energy = np.square(m64).sum(axes)
        factor = np.maximum((m64 * q64).sum(axes) / np.where(energy > 0, energy, 1), 0)
        expected = m64 * factor.reshape(1, -1, *(1,) * (m.ndim - 2))
        signal += float(np.square(expected).sum())
        noise += float(np.square(q64 - expected).sum())
    return decibels(signal, noise)
