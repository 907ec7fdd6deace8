# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own quantizers of weights and feature maps, turned into ours of the same values."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Mapping, NamedTuple, Optional, Union

import numpy as np

from nnabla_compress.analysis.feature_maps import maps_behind
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import BINARY
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Quantizer, quantizer_of
from nnabla_compress.quantizers.base import is_given
from nnabla_compress.rules import Candidate, QuantizerRule
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.insert_weights import (
    also_read_directly,
    insert_weight_quantizers,
)
from nnabla_compress.transforms.native_maps import (
    decided_map,
    native_maps,
    with_our_maps,
    without_maps_of,
)
from nnabla_compress.transforms.start import start_at
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform

CONVERSIONS = ("lut", "uniform", "affine")
"""The quantizers that NNabla's own are converted to."""

_MOST_BITS = 16
_MOST_ENTRIES = 256


class _Grid(NamedTuple):
    """Whole levels times a step: the levels that occur, and the step along an axis."""

    lowest: int
    highest: int
    step: np.ndarray
    axis: Optional[int]


@register_transform("convert")
class Convert(Transform):
    """Turns NNabla's own quantizers of weights and feature maps into ours of the same values.

    Weights keep the values that the network computes with; from then on they are trained, budgeted
    and exported as those of other rules. Maps are rounded as before; powers of two become those of
    ``pow2``, and maps that no quantizer of ours rounds alike keep theirs. So do BinaryTanh and
    BinarySigmoid, which decide by the sign: ours decide half-way between two values.

    Args:
        to: ``lut``: a dictionary, for any values of weights. ``uniform``: whole steps, learned.
            ``affine``: whole steps that stay as they are.
        layers: A pattern of names, as a shell matches files, or several. Maps are called by the
            layer before them and their function, as in ``conv1/conv/minmaxquantize``.
    """

    short = "to"

    to: Literal["lut", "uniform", "affine"] = "lut"
    layers: Union[str, List[str]] = "*"

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the rule of each layer and map, and its steps.

        Raises:
            ConfigError: If no layer and no map has such a quantizer, or the values of a weight are
                none that the new one can have.
        """
        rule = QuantizerRule(layers=self.layers, quantizer=self.to)
        every = layers(network.all_outputs)
        shared = also_read_directly(every)
        native = [layer for layer in every if _is_native(layer)]
        found = [layer for layer in native if layer.weight.data not in shared]
        kept = ", ".join(layer.name for layer in native if layer.weight.data in shared)
        if kept:
            context.tell(
                f"convert: NNabla's quantizers of {kept} stay: other layers read their weights "
                "without them"
            )
        seen = native_maps(network.all_outputs)
        candidates = [Candidate(layer.name, layer.type) for layer in found]
        candidates += [Candidate(each.name) for each in seen]
        chosen = rule.choose(candidates)
        signs = maps_behind(network.all_outputs, lambda made: made.info.type_name in BINARY)
        by_sign = ", ".join(rule.choose([Candidate(each.name, each.type) for each in signs]))
        if by_sign and not chosen:
            raise ConfigError(
                f"convert: {by_sign} of NNabla decide by the sign, as no quantizer of ours does.",
                help="leave it out: they stay as they are, and exports keep them",
            )
        if by_sign:
            context.tell(
                f"convert: {by_sign} of NNabla stay: they decide by the sign, quantizers of ours "
                "half-way between two values"
            )
        if not chosen:
            has = ", ".join(sorted({candidate.name for candidate in candidates})[:3]) or "none"
            raise ConfigError(
                f"convert: no layer and no map {rule.describe()} has a quantizer of NNabla's own.",
                help=f"leave it out, or choose others; those that have one: {has}",
            )
        of_layers = {
            x.name: {"rule": {"quantizer": self.to}, "start": {}}
            if context.untrained and not _is_settled(x)  # INQ fixes its weights in the training
            else self._decided(x)
            for x in found
            if x.name in chosen
        }
        maps = {x.name: decided_map(x, self.to) for x in seen if x.name in chosen}
        stay = ", ".join(name for name, said in maps.items() if said is None)
        of_maps = {name: said for name, said in maps.items() if said is not None}
        if not of_layers and not of_maps:
            raise ConfigError(
                f"convert: {self.to} rounds no map as NNabla's quantizers of {stay} do.",
                help="choose another: affine takes most. Ranges of each batch and several ranges "
                "of a map can't be converted",
            )
        if stay:
            context.tell(
                f"convert: NNabla's quantizers of {stay} stay: {self.to} rounds no map as they do"
            )
        return {"layers": of_layers, "maps": of_maps}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network with our quantizers; what starts them is what was decided."""
        decided = decisions["layers"]

        def choose(layer: Layer) -> Optional[Quantizer]:
            said = decided.get(layer.name)
            return None if said is None else QuantizerRule.model_validate(said["rule"]).make()

        made = with_our_maps(network.all_outputs, decisions.get("maps", {}))
        made = insert_weight_quantizers(made, choose)
        for layer in layers(made):
            if layer.name in decided and layer.quantizer is not None:
                start_at(layer.quantizer, decided[layer.name]["start"])
        return network.giving(made)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares what both compute without quantizers of maps, value for value."""
        plain = without_maps_of(given.all_outputs, made.all_outputs)
        check_faithful(plain, made.all_outputs, given.all_inputs or None, made.all_inputs or None)

    def _decided(self, layer: Layer) -> Dict[str, Any]:
        node: Any = layer.quantizer
        quantizer = quantizer_of(node)
        assert quantizer is not None
        label = quantizer.label(node.info.args)
        if quantizer.codes_rows:
            raise ConfigError(
                f"convert: {label} of {layer.name} has codes of rows, not of single weights.",
                help="leave the layer out",
            )
        encoding = quantizer.encode(node)
        own = (
            1 if encoding.kept is not None else int(quantizer.bits_of(node.info.args, node.inputs))
        )
        if self.to == "lut":
            entries = len(np.unique(encoding.decode()))
            if encoding.kept is not None and entries > _MOST_ENTRIES:
                raise ConfigError(
                    f"convert: {label} of {layer.name} keeps {entries:,} float values, a "
                    f"dictionary has {_MOST_ENTRIES} entries.",
                    help="leave the layer out, or give it a rule such as lut:bits=4,prune=0.5",
                )
            bits = min(max(_bits_of(entries - 1), own), 8)
            return {"rule": {"quantizer": "lut", "bits": bits}, "start": {}}
        grid = _grid_of(encoding)
        peak = 0 if grid is None else max(grid.highest, -grid.lowest)
        if grid is None or peak >= 2 ** (_MOST_BITS - 1):
            raise ConfigError(
                f"convert: the values of {label} of {layer.name} are no whole steps of up to "
                f"{_MOST_BITS} bits.",
                help="choose convert: lut, which takes any values",
            )
        return _uniform(grid, peak, own) if self.to == "uniform" else _affine(grid, peak, own)


def _is_native(layer: Layer) -> bool:
    return layer.quantizer is not None and is_given(layer.quantizer)


def _is_settled(layer: Layer) -> bool:
    node: Any = layer.quantizer
    quantizer = quantizer_of(node)
    assert quantizer is not None
    return quantizer.is_settled(node.info.args, node.inputs)


def _uniform(grid: _Grid, peak: int, least: int) -> Dict[str, Any]:
    bits = max(2, least, _bits_of(peak) + 1)
    limit = 2 ** (bits - 1) - 1
    learn = "d_qmax" if grid.axis is None else "qmax"
    rule = {"quantizer": "uniform", "bits": bits, "learn": learn, "axis": grid.axis}
    steps = np.maximum(grid.step, np.float32(2.0**-20))
    largest = [float(step) * limit for step in steps]
    return {
        "rule": {**rule, "max_bits": max(8, bits)},
        "start": {"d": [float(step) for step in steps], "q_max": largest},
    }


def _affine(grid: _Grid, peak: int, least: int) -> Dict[str, Any]:
    span = _bits_of(grid.highest - grid.lowest)
    symmetric = max(2, least, _bits_of(peak) + 1)
    bits = max(2, least, min(span, symmetric))
    rule = {"quantizer": "affine", "bits": bits, "axis": grid.axis}
    zero = [0.0 if bits == symmetric else float(-min(grid.lowest, 0))] * grid.step.size
    start = {"scale": [float(step) for step in grid.step], "zero_point": zero}
    return {"rule": {**rule, "symmetric": bits == symmetric}, "start": start}


def _bits_of(largest: int) -> int:
    return max(1, int(largest).bit_length())


def _grid_of(encoding: Encoding) -> Optional[_Grid]:
    """The steps whose whole multiples the values are, None if there are none."""
    if encoding.scale is not None:
        zero = np.asarray(encoding.zero_point)
        along = [1] * encoding.codes.ndim
        if encoding.axis is not None:
            along[encoding.axis] = -1
        levels = encoding.spacing * encoding.codes.astype(np.int64) - zero.reshape(
            along if zero.size > 1 else ()
        )
        step = np.asarray(encoding.scale, np.float32).ravel()
        return _Grid(int(levels.min()), int(levels.max()), step, encoding.axis)
    values = np.unique(encoding.decode())
    magnitudes = np.abs(values[values != 0])
    if not magnitudes.size:
        return _Grid(0, 0, np.ones(1, np.float32), None)
    step = magnitudes.min()
    whole = values.astype(np.float64) / float(step)
    if (whole != np.rint(whole)).any():
        return None
    return _Grid(int(whole.min()), int(whole.max()), step.reshape(1), None)
