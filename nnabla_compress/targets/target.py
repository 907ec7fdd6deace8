# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export target is: the functions that it runs, and how a network is lowered for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT, layer_name
from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves
from nnabla_compress.lowering.encode import EncodedGraph, encode_graph, lowered_graph
from nnabla_compress.lowering.native import fold_constants, lower_functions
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.row_codes import RowCodes

# A rule returns what is wrong with a function, None if nothing is.
Rule = Callable[[Any], Optional[str]]

CUT = (
    "build the network from functions that the target has, or export the part before it by naming "
    "that variable as the output"
)


@dataclass(frozen=True)
class ExportOptions:
    """What a user can choose of an export, beside its target.

    Args:
        storage: How quantized weights are stored: the name of a scheme, ``"smallest"`` for the one
            that takes the fewest bytes of each weight, ``"float"`` for decoded values.
        snap_dictionary: Put free dictionaries on an integer grid, so that they decode exactly.
        samples: Inputs (rows, ...) by name, for targets that choose number formats from data.
        prefer: What counts where decoding a weight takes memory: ``"flash"``, ``"ram"`` or
            ``"both"``, see :func:`~nnabla_compress.lowering.weigh.weighed`.
    """

    storage: str = "smallest"
    snap_dictionary: bool = False
    samples: Mapping[str, np.ndarray] = field(default_factory=dict)
    prefer: str = "flash"


def unused(options: ExportOptions, target: str) -> List[str]:
    """Returns a note if options are set that a target has no use for.

    Args:
        options: What the user chose.
        target: Name of a target that stores weights in one way only.

    Example:
        >>> unused(ExportOptions(storage="packed"), "int8")[0]
        "storage is of no use to 'int8': it stores weights in one way"
    """
    given = [
        name
        for name in ("storage", "snap_dictionary", "prefer")
        if getattr(options, name) != getattr(ExportOptions, name)
    ]
    if not given:
        return []
    are = "is" if len(given) == 1 else "are"
    return [f"{' and '.join(given)} {are} of no use to {target!r}: it stores weights in one way"]


@dataclass(frozen=True)
class Lowered:
    """A network from functions of a target.

    Args:
        outputs: Its outputs, in the order of the network's.
        names: Paths of its parameters by their array.
        plain: The same network with each stored weight as one float parameter, and how these are
            encoded: what reports read, and what ``outputs`` must equal.
        exact: Whether ``outputs`` does the same float additions in the same order as the network.
        types: Types of variables that the C runtime holds otherwise than as floats, such as
            ``"FIXED8_0"`` or ``"SIGN"``, by Variable of ``outputs``' graph.
        storage: Name of the scheme that stores a weight, by the array of its parameter in
            ``plain``; weights that are not here are floats.
        notes: What a user should know about the file, a sentence each.
        reference: What must compute the network's values in NNabla, where ``outputs`` computes
            others on purpose: the graph before its numbers were rounded, or one with plain layers
            for those that only the runtime computes. None: ``outputs``.
        packed: Weights that the ``.nnb`` holds as packed codes for the C kernels, by array of the
            float parameter in ``outputs``' graph.
        tables: Tables of Embeds that the ``.nnb`` holds as codes of rows, likewise.
        deferred: Values of stored weights that are not in memory.
        way_out_of_rounding: What to do where this network's rounding comes to more than half of the
            signal, if it is not what the target says.
    """

    outputs: List[nn.Variable]
    names: Dict[Any, str]
    plain: EncodedGraph
    exact: bool
    types: Mapping[nn.Variable, str] = field(default_factory=dict)
    storage: Mapping[Any, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    reference: Optional[Sequence[nn.Variable]] = None
    packed: Mapping[Any, PackedWeights] = field(default_factory=dict)
    tables: Mapping[Any, RowCodes] = field(default_factory=dict)
    deferred: Deferred = field(default_factory=Deferred)
    way_out_of_rounding: str = ""


class Target:
    """What an export is for; a subclass lowers networks for it."""

    name: ClassVar[str]
    rules: ClassVar[Mapping[str, Optional[Rule]]]
    ways_out: ClassVar[Mapping[str, str]] = {}
    # Whether the file computes other values on purpose, as integers of few bits do.
    rounds_numbers: ClassVar[bool] = False
    # Bits of all numbers, where it has integers only; 0: those that the network has.
    bits: ClassVar[int] = 0
    # Whether number formats are chosen from samples.
    needs_samples: ClassVar[bool] = False
    # What to do where that comes to more than half of the signal.
    way_out_of_rounding: ClassVar[str] = ""
    # Whether NNabla computes what the target does; else a reference is written beside the file.
    runs_in_nnabla: ClassVar[bool] = True
    # Whether the .nnb holds weights as packed codes for the project's C kernels.
    packs_weights: ClassVar[bool] = False
    # Whether it decodes weights in the graph, by one of several storages.
    chooses_storage: ClassVar[bool] = False

    @property
    def needs_simulator(self) -> bool:
        """Whether only the simulator of the C runtime can tell what the file computes."""
        return self.rounds_numbers or not self.runs_in_nnabla

    def looks_up(self, function: Any) -> bool:
        """Returns whether the target runs an Embed as such; else it becomes an Affine of ones.

        Args:
            function: An Embed of the network, its quantizers in place.
        """
        return False

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network from functions of the target.

        Args:
            network: The network, for inference.
            folded: Its outputs with batch normalization folded and all quantizers in place.
            options: What the user chose.
        """
        raise NotImplementedError

    def complaint(self, function: Any) -> Optional[str]:
        """Returns why the target can't run a function, None if it can."""
        type_name = function.info.type_name
        if type_name not in self.rules:
            return f"target {self.name!r} has no function {type_name}"
        rule = self.rules[type_name]
        wrong = rule(function) if rule is not None else None
        return None if wrong is None else f"target {self.name!r} runs {type_name} {wrong}"

    def check(self, outputs: Sequence[nn.Variable], names: Mapping[Any, str]) -> None:
        """Refuses a network that holds a function that the target can't run.

        Args:
            outputs: Variables of one graph.
            names: Paths of parameters by their array, to say where the function stands.

        Raises:
            UnsupportedFunctionError: For the first such function, with its layer and a way out.
        """
        for function in functions(outputs):
            complaint = self.complaint(function)
            if complaint is not None:
                raise UnsupportedFunctionError(
                    f"{complaint}; it stands {place(function, names)}.",
                    help=self.ways_out.get(function.info.type_name, CUT),
                )


def lower_plainly(network: Network, folded: Sequence[nn.Variable]) -> Lowered:
    """Lowers a network to native functions with quantized weights as decoded float parameters.

    Args:
        network: The network, for inference.
        folded: Its outputs with batch normalization folded and all quantizers in place.
    """
    inputs, start = network.all_inputs, network.all_outputs
    names = network.paths_in(folded)
    encoded = encode_graph(folded, inputs, names)
    names.update(network.paths_in(encoded.outputs))
    outputs = lower_functions(fold_constants(encoded.outputs, inputs, names), inputs)
    plain = lowered_graph(encoded, outputs)
    names.update(network.paths_in(outputs))
    # With the same functions in the same order every addition is the same.
    return Lowered(outputs, names, plain, exact=same_functions(start, outputs))


def same_functions(first: Sequence[nn.Variable], second: Sequence[nn.Variable]) -> bool:
    """Returns whether two graphs do the same functions in the same order, quantizers left out.

    Args:
        first: Variables of one graph.
        second: Variables of the other.
    """
    return _types(first) == _types(second)


def place(function: Any, names: Mapping[Any, str]) -> str:
    """Returns where a function stands: the layer that it is, or the nearest one before it.

    Args:
        function: A function of a graph.
        names: Paths of parameters by their array.
    """
    before: List[Any] = [function, *reversed(functions(function.inputs))]
    for candidate in before:
        if candidate.info.type_name in WEIGHTED and len(candidate.inputs) > WEIGHT:
            for leaf in leaves([candidate.inputs[WEIGHT]]):
                if leaf.data in names or leaf.name:
                    name = layer_name(names.get(leaf.data, leaf.name))
                    return f"in layer {name}" if candidate is function else f"behind layer {name}"
    return "before the first layer"


def _types(outputs: Sequence[nn.Variable]) -> List[str]:
    return [
        function.info.type_name
        for function in functions(outputs)
        if quantizer_of(function) is None and function.info.type_name != "Identity"
    ]
