# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What of a network can't be compressed or exported as it is, and why."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.analysis.batch_normalization import FOLDABLE
from nnabla_compress.analysis.layers import layers
from nnabla_compress.analysis.places import places
from nnabla_compress.analysis.stored_encodings import NATIVE_QUANTIZERS
from nnabla_compress.errors import CompressError, UnsupportedFunctionError
from nnabla_compress.function_types import RECURRENT, WEIGHTED
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.lowering.native import fold_constants, lower_functions
from nnabla_compress.lowering.rewrites import embeds_as_layers
from nnabla_compress.quantizers import PruneRate
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.targets import target_named
from nnabla_compress.targets.runtime import RULES
from nnabla_compress.targets.target import CUT
from nnabla_compress.turns import one_at_a_time

# Functions on the way of pre-processing, in front of the first layer.
_SCALARS = ("MulScalar", "AddScalar", "RSubScalar", "RDivScalar", "PowScalar")


@dataclass(frozen=True)
class Obstacle:
    """Something that stands in the way.

    Args:
        place: Where it stands, e.g. ``"PReLU behind conv1/conv"``.
        reason: What does not go, and what to do about it.
        count: How many times it stands there.
    """

    place: str
    reason: str
    count: int = 1


def preprocessing(
    outputs: Sequence[nn.Variable], inputs: Optional[Sequence[nn.Variable]] = None
) -> Tuple[str, ...]:
    """Returns the scalars that are applied to an input before anything else, in their order.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs; by default the leaves that are no parameters.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> preprocessing([F.tanh(nn.Variable((1, 3)) * 0.5 - 1)])
        ('MulScalar 0.5', 'AddScalar -1')
    """
    found = []
    raw = set(inputs_of(outputs) if inputs is None else inputs)
    for function in functions(outputs):
        if function.info.type_name in _SCALARS and function.inputs[0] in raw:
            found.append(f"{function.info.type_name} {function.info.args['val']:.6g}")
            raw.add(function.outputs[0])
    return tuple(found)


@one_at_a_time
def obstacles(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
) -> Tuple[Obstacle, ...]:
    """Returns what of a network can't be compressed, or exported to the portable target.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
        parameters: Its parameters by path.

    Returns:
        Each place once.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.prelu(PF.affine(x, 3, name="fc"), name="p")
        >>> [found.place for found in obstacles([y], [x], nn.get_parameters())]
        ['PReLU behind fc/affine']
    """
    found: OrderedDict[Tuple[str, str], int] = OrderedDict()
    for place, reason in (
        *_pruned_biases(outputs, parameters),
        *_uncompressed(outputs, inputs, parameters),
        *_unsupported(outputs, inputs, parameters),
    ):
        found[place, reason] = found.get((place, reason), 0) + 1
    return tuple(Obstacle(*key, count) for key, count in found.items())


def _uncompressed(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
) -> List[Tuple[str, str]]:
    """Parameters that no quantizer takes."""
    where = places(outputs, parameters)
    known = {parameter.data for parameter in parameters.values()}
    layer_of = {layer.function: layer for layer in layers(outputs, parameters)}
    readers = consumers(outputs)
    dynamic = set(inputs)
    found = []
    for function, place in where.items():
        constant = not any(variable in dynamic for variable in function.inputs)
        if not constant:
            dynamic.update(function.outputs)
        type_name = function.info.type_name
        layer = layer_of.get(function)
        own = [v for v in function.inputs if v.parent is None and v.data in known]
        if layer is not None:
            if layer.computed_by and layer.computed_by not in NATIVE_QUANTIZERS:
                found.append(
                    (
                        place,
                        f"its weight is computed by {layer.computed_by}: what it reads is stored "
                        "as floats",
                    )
                )
        elif type_name in WEIGHTED:
            found.append(
                (place, "its weight is computed from the input or from several parameters")
            )
        elif type_name in RECURRENT:
            found.append(
                (
                    place,
                    "a recurrent cell keeps its weights to itself: build it from PF.lstm_cell or "
                    "Affine, whose weights can be quantized",
                )
            )
        elif type_name in FOLDABLE:
            before = function.inputs[0].parent
            alone = len(readers.get(function.inputs[0], ())) == 1
            if before is None or before.info.type_name not in WEIGHTED or not alone:
                found.append(
                    (
                        place,
                        "no layer directly before it takes it in: an export keeps a scale and a "
                        "shift of floats",
                    )
                )
        elif own and type_name not in NATIVE_QUANTIZERS and not constant:
            count = sum(int(variable.size) for variable in own)
            found.append((place, f"its parameters ({count:,} floats) stay floats: it is no layer"))
    return found


def _pruned_biases(
    outputs: Sequence[nn.Variable], parameters: Mapping[str, nn.Variable]
) -> Iterator[Tuple[str, str]]:
    """Biases that NNabla's pruned layers set to zero, as they do unless told otherwise."""
    where = places(outputs, parameters)
    for layer in layers(outputs, parameters):
        node = None if layer.bias is None else layer.bias.parent
        if node is None or quantizer_of(node) is not PruneRate or not node.info.args["rate"]:
            continue
        rate = node.info.args["rate"]
        yield (
            where[layer.function],
            f"{rate:.0%} of its biases are set to zero, too: PF.pruned_* do so unless rate_b=0",
        )


@one_at_a_time
def refuse_missing(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], target: str
) -> None:
    """Refuses a float network that holds a function which a target lacks.

    This is what an export would say in the end; here it is said before the network is trained or
    calibrated.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
        target: Name of the target.

    Raises:
        UnsupportedFunctionError: For the first such function.
        ConfigError: If there is no such target.
    """
    chosen = target_named(target)
    for function, place in _left(outputs, inputs, None):
        type_name = function.info.type_name
        if type_name not in chosen.rules and type_name not in RULES:
            raise UnsupportedFunctionError(
                f"{chosen.complaint(function)}: {place}.",
                help=chosen.ways_out.get(type_name, CUT),
            )


def _left(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    parameters: Optional[Mapping[str, nn.Variable]],
) -> Iterator[Tuple[Any, str]]:
    """The functions that are left after the rewrites of an export, and where they stand."""
    dynamic = set(inputs)
    names = {parameter.data: name for name, parameter in (parameters or {}).items()}
    folded = fold_constants(embeds_as_layers(outputs), inputs, names)
    for function, place in places(lower_functions(folded, inputs), parameters).items():
        type_name = function.info.type_name
        # What depends on parameters and numbers only is computed once, by the export.
        constant = not any(variable in dynamic for variable in function.inputs)
        if constant and not type_name.startswith("Rand"):
            continue
        dynamic.update(function.outputs)
        if type_name not in FOLDABLE and quantizer_of(function) is None:
            yield function, place


def _unsupported(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
) -> List[Tuple[str, str]]:
    """Functions that the portable target lacks even after the rewrites of an export."""
    try:
        left = list(_left(outputs, inputs, parameters))
    except CompressError as error:
        return [("the whole network", str(error).split("\n")[0])]
    portable = target_named("portable")
    found = []
    for function, place in left:
        type_name = function.info.type_name
        if type_name in NATIVE_QUANTIZERS:
            continue
        complaint = portable.complaint(function)
        if complaint is not None:
            help_ = portable.ways_out.get(type_name, "")
            found.append((place, complaint + (f": {help_}" if help_ else "")))
    return found
