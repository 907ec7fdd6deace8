# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Targets ``int16`` and ``int8``: the integer kernels of the C runtime."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Dict, Iterator, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.encodings import Encoding
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves
from nnabla_compress.lowering.decoded_later import decoded_later
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.lowering.fixed_point.bias_correction import correct_biases
from nnabla_compress.lowering.fixed_point.calibration import Calibration, calibrate
from nnabla_compress.lowering.fixed_point.clipping import clip_activations
from nnabla_compress.lowering.fixed_point.equalization import equalized
from nnabla_compress.lowering.fixed_point.evaluate import Feed, feeds, rows_among
from nnabla_compress.lowering.fixed_point.graph import (
    FixedPointGraph,
    integer_graph,
    scale_layers,
)
from nnabla_compress.lowering.fixed_point.kernels import key, largest_integer
from nnabla_compress.lowering.fixed_point.positions import exceeds, fraction_bits
from nnabla_compress.lowering.fixed_point.rescaling import rescaled
from nnabla_compress.lowering.fixed_point.rounding import (
    RoundedNetwork,
    parameter_codes,
    rounded_network,
)
from nnabla_compress.lowering.fixed_point.vanishing import vanishing
from nnabla_compress.memory import give_back, is_large
from nnabla_compress.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.targets.target import (
    ExportOptions,
    Lowered,
    Rule,
    Target,
    lower_plainly,
    unused,
)

_OTHERWISE = (
    "'integer' or 'portable', whose feature maps are floats; or give samples as the network takes "
    "them, preprocessed"
)
_WITH_FLOATS = f"use target {_OTHERWISE}"
CALIBRATION_ROWS, ROWS_AT_ONCE = 256, 32
"""Samples that number formats are chosen from at most, and how many are computed at once."""
_BIAS_ROWS = 64
_UNCORRECTED = (
    "the network is computed with {} sample(s) at a time only, too few to correct biases from: the "
    "means of channels may move by the rounding of weights"
)
_HEADROOM = 1
_LARGEST_WINDOW = 256  # sums of as many values fit 16 bits
_LARGEST_AFFINE = 2**17  # sums of as many products fit 32 bits


class FixedPoint(Target):
    """All variables as integers times powers of two, chosen from samples; integer kernels."""

    rounds_numbers = True
    needs_samples = True
    bits: ClassVar[int]
    # Few bits: cut off what is rare, and keep the means of channels by their biases.
    economical: ClassVar[bool]

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network with parameters rounded to what the file holds.

        Raises:
            ConfigError: If there are no samples to choose number formats from.
            ExportError: If values are too large for the integers.
        """
        inputs = network.all_inputs
        clipped, quantizers = clip_activations(folded, inputs)
        plain = lower_plainly(network, clipped)
        self.check(plain.outputs, plain.names)
        held = {leaf.data for leaf in leaves(folded)}
        encodings = plain.plain.encodings  # of weights that were decoded for this file
        if self.economical:  # it changes them
            encodings, own = {}, set(encodings) - held
            plain = replace(plain, plain=replace(plain.plain, encodings={}))
        batches = list(self._feeds(network, plain.outputs, options, CALIBRATION_ROWS, ROWS_AT_ONCE))
        rows = self._rows_of_biases(network, plain.outputs, options, batches)
        scaled = scale_layers(plain.outputs, inputs, plain.names)
        names = {**plain.names, **network.paths_in(scaled)}
        exact, reference = not quantizers, None if quantizers else plain
        if self.economical:
            found = equalized(scaled, batches, self.bits, names, own)
            exact &= found.exact
            scaled = found.outputs
            names.update(network.paths_in(scaled))
            if found.in_place and not exact:
                reference = None
        if reference is None:
            reference = lower_plainly(network, folded)
            names = {**reference.names, **names}
        kept, activations = None if exact else reference.outputs, reference.plain.activations
        # Decoded weights are large, and a name keeps its array.
        used = leaves([*scaled, *(kept or ())])
        names = {v.data: names[v.data] for v in used if v.data in names}
        del plain, reference, clipped
        give_back()
        scaled, graph, calibration = self._within_range(network, scaled, batches, names, rows)
        headroom = None if self.economical else _HEADROOM
        positions = fraction_bits(graph, calibration.spreads, self.bits, names, headroom)
        codes = parameter_codes(graph, inputs, positions, self.bits)
        vanished = vanishing(graph, calibration.spreads, positions, names)
        notes = vanished
        if self.economical:
            feed = next(self._feeds(network, scaled, options, _BIAS_ROWS, _BIAS_ROWS))
            few = len(feed[inputs[0]])
            if len(batches) > 1 and few < ROWS_AT_ONCE:
                notes = [*notes, _UNCORRECTED.format(few)]
            else:
                known = None if rows is None else calibration
                correct_biases(graph, feed, positions, codes, self.bits, known)
        rounded = rounded_network(graph, positions, codes, self.bits, names)
        names.update(network.paths_in(rounded.outputs))
        outputs = graph.outputs if kept is None else kept
        large = [v for v in leaves(outputs) if is_large(v.size) and v.data not in held]
        rounded.deferred.codes.update(decoded_later(large, outputs, encodings))
        return Lowered(
            rounded.outputs,
            names,
            self._stored(rounded, activations),
            exact=False,
            types=rounded.types,
            storage={data: self._type(position) for data, position in rounded.positions.items()},
            notes=[
                *notes,
                *unused(options, self.name),
            ],
            way_out_of_rounding=_WITH_FLOATS if vanished else self.way_out_of_rounding,
            reference=outputs,
            deferred=rounded.deferred,
        )

    def _feeds(
        self,
        network: Network,
        outputs: Sequence[nn.Variable],
        options: ExportOptions,
        most: int,
        rows: int,
    ) -> Iterator[Feed]:
        return feeds(network.inputs, options.samples, most, rows, self.name, outputs)

    def _rows_of_biases(
        self,
        network: Network,
        outputs: Sequence[nn.Variable],
        options: ExportOptions,
        batches: Sequence[Feed],
    ) -> Optional[List[np.ndarray]]:
        """Which rows of each batch biases are corrected on; None if they must run by themselves."""
        # Samples do the same in a batch of others, unless a batch is written into the network.
        apart = rows_of(outputs, network.all_inputs, _BIAS_ROWS) == _BIAS_ROWS
        if not (self.economical and apart):
            return None
        feed = next(self._feeds(network, outputs, options, _BIAS_ROWS, _BIAS_ROWS))
        return rows_among(feed, batches)

    def _within_range(
        self,
        network: Network,
        outputs: List[nn.Variable],
        batches: Sequence[Feed],
        names: Dict[Any, str],
        rows: Optional[Sequence[np.ndarray]] = None,
    ) -> Tuple[List[nn.Variable], FixedPointGraph, Calibration]:
        """Calibrates a network; what is too large for the integers is scaled down before."""
        inputs, top = network.all_inputs, largest_integer(self.bits)
        floats = [v for v in inputs if max(np.abs(batch[v]).max() for batch in batches) > top]
        graph, calibration = self._calibrated(network, outputs, floats, batches, names, rows)
        if any(exceeds(spread) for spread in calibration.spreads.values()):
            outputs, multiplied = self._rescaled(outputs, inputs, batches, names)
            names.update(network.paths_in(outputs))
            floats = [*floats, *multiplied]
            graph, calibration = self._calibrated(network, outputs, floats, batches, names, rows)
        return outputs, graph, calibration

    def _calibrated(
        self,
        network: Network,
        outputs: Sequence[nn.Variable],
        floats: Sequence[nn.Variable],
        batches: Sequence[Feed],
        names: Dict[Any, str],
        rows: Optional[Sequence[np.ndarray]],
    ) -> Tuple[FixedPointGraph, Calibration]:
        graph = integer_graph(outputs, network.all_inputs, floats, names)
        names.update(network.paths_in(graph.outputs))
        return graph, calibrate(graph, batches, self.bits, rows=rows)

    def _rescaled(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Sequence[nn.Variable],
        batches: Sequence[Feed],
        names: Dict[Any, str],
    ) -> Tuple[List[nn.Variable], List[nn.Variable]]:
        every = {key(v) for f in functions(outputs) for v in (*f.inputs, *f.outputs)}
        spreads = calibrate(FixedPointGraph(list(outputs), every), batches, self.bits).spreads
        computed = {key(v): v for f in functions(outputs) for v in f.outputs}
        largest = {
            variable: spreads[name].largest
            for name, variable in {**computed, **{key(v): v for v in inputs}}.items()
            if name in spreads and exceeds(spreads[name])
        }
        return rescaled(outputs, inputs, largest, largest_integer(self.bits), names)

    def _type(self, position: int) -> str:
        return f"FIXED{self.bits}_{position}"

    def _stored(self, rounded: RoundedNetwork, activations: int) -> EncodedGraph:
        encodings = {
            data: Encoding(
                codes, self.bits, scale=np.array(2.0 ** -rounded.positions[data], np.float32)
            )
            for data, codes in rounded.codes.items()
        }
        quantizers = dict.fromkeys(encodings, f"Fixed{self.bits}")
        return EncodedGraph(rounded.outputs, encodings, quantizers, activations)


def _window_fits(function: Any) -> Optional[str]:
    kernel = function.info.args["kernel"]
    if int(np.prod(kernel)) > _LARGEST_WINDOW:
        return f"with windows of at most {_LARGEST_WINDOW} values, not {'x'.join(map(str, kernel))}"
    rule = RULES[function.info.type_name]
    return None if rule is None else rule(function)


def _sum_fits(function: Any) -> Optional[str]:
    if function.inputs[WEIGHT].shape[0] >= _LARGEST_AFFINE:
        return (
            f"with fewer than {_LARGEST_AFFINE:,} inputs, not {function.inputs[WEIGHT].shape[0]:,}"
        )
    rule = RULES["Affine"]
    return None if rule is None else rule(function)


class Int16(FixedPoint):
    """Numbers of 16 bits: as good as float, at half the size."""

    name = "int16"
    bits = 16
    economical = False
    way_out_of_rounding = _WITH_FLOATS
    rules = RULES
    ways_out = WAYS_OUT


class Int8(FixedPoint):
    """Numbers of 8 bits, with ranges and biases fitted to the samples."""

    name = "int8"
    bits = 8
    economical = True
    way_out_of_rounding = f"use target 'int16', {_OTHERWISE}"
    rules: ClassVar[Dict[str, Optional[Rule]]] = {
        **RULES,
        **dict.fromkeys(("AveragePooling", "SumPooling"), _window_fits),
        "Affine": _sum_fits,
    }
    ways_out: ClassVar[Dict[str, str]] = {
        **WAYS_OUT,
        **dict.fromkeys(
            ("AveragePooling", "SumPooling"), "pool in two steps, or use target 'int16'"
        ),
    }
