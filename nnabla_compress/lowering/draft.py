# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The ``.nnb`` of a graph as it would be written, without the converter: for its exact sizes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.graph.rewrite import depending, functions
from nnabla_compress.lowering.nnb_contents import content_of
from nnabla_compress.lowering.storage.nnb_bytes import Types
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.compact import compact
from nnabla_compress.nnb.content import Content, Data
from nnabla_compress.nnb.function_table import FUNCTIONS, FunctionFormat
from nnabla_compress.nnb.network import Argument, stored_bytes
from nnabla_compress.nnb.sizes import sizes
from nnabla_compress.nnb.sources import Source, held
from nnabla_compress.nnb.writer import padded

_API = 44
_UNKNOWN = 2**16 - 1
_CUT = ("BinaryConnectConvolution", "BinaryWeightConvolution")  # input 1 is one element in a file
_FORMATS: Dict[str, Tuple[int, FunctionFormat]] = {}
for _id, _format in FUNCTIONS.items():
    _known = _FORMATS.get(_format.type_name)
    if _known is None or len(_format.arguments) >= len(_known[1].arguments):
        _FORMATS[_format.type_name] = (_id, _format)


def drafted_sizes(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    types: Types,
    codes: Mapping[Any, Source] = MappingProxyType({}),
) -> Tuple[int, int]:
    """Returns the bytes of the ``.nnb`` that an export writes of a graph, and of its buffers.

    Args:
        outputs: Outputs of a graph of functions that the converter knows.
        inputs: Its inputs, of the batch size that the file is for.
        types: Types of variables that are not floats.
        codes: Values of parameters that have none in memory, by their array.

    Returns:
        Bytes of the file, and of the memory that the C runtime takes for variables.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 4))
        >>> drafted_sizes([F.tanh(F.relu(x))], [x], {})
        (196, 16)
    """
    network = compact(draft(outputs, inputs, types, codes))
    return sizes(network, share_lists=True).total, network.buffer_bytes


def draft(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    types: Types,
    codes: Mapping[Any, Source] = MappingProxyType({}),
) -> NnbFile:
    """Returns a graph as the file that NNabla's converter makes of it, before it is made smaller.

    Each computed variable has a buffer of its own. Values of parameters are those of the file, but
    for the order of numbers in the weights of Affines.

    Args:
        outputs: Outputs of a graph of functions that the converter knows.
        inputs: Its inputs.
        types: Types of variables that are not floats.
        codes: As of :func:`drafted_sizes`.
    """
    order = functions(outputs)
    moving = depending(outputs, inputs)
    # A file lists what is computed before the parameters.
    found = dict.fromkeys((*inputs, *(v for f in order for v in (*f.inputs, *f.outputs)), *outputs))
    computed = {v: None for v in found if v.parent is not None or v in moving}
    numbers = {v: n for n, v in enumerate((*computed, *(v for v in found if v not in computed)))}
    buffers: List[int] = []
    cut = {f.inputs[1] for f in order if f.info.type_name in _CUT}
    variables: List[NnbVariable] = []
    for variable, number in numbers.items():
        kind, _, position = types.get(variable, "FLOAT32").partition("_")
        fp_pos = int(position or 0)
        shape = tuple(variable.shape)
        if variable in computed:
            variables.append(NnbVariable(number, shape, kind, fp_pos, buffer=len(buffers)))
            buffers.append(padded(variables[-1].nbytes))
        else:
            data: Data = _data(variable, kind, fp_pos, codes.get(variable.data))
            if variable in cut:
                data = bytes(stored_bytes(1, kind))
            variables.append(NnbVariable(number, shape, kind, fp_pos, data=data))
    return NnbFile(
        3,
        _API,
        tuple(buffers),
        tuple(variables),
        tuple(_function(function, numbers, moving) for function in order),
        tuple(numbers[variable] for variable in inputs),
        tuple(numbers[variable] for variable in outputs),
    )


def _function(
    function: Any, numbers: Mapping[nn.Variable, int], moving: Collection[nn.Variable]
) -> NnbFunction:
    type_name = function.info.type_name
    number, known = _FORMATS.get(type_name, (_UNKNOWN, FunctionFormat(type_name, ())))
    args = dict(function.info.args)
    if type_name == "Reshape":
        shape = function.outputs[0].shape  # which leaves the batch size open
        args["shape"] = (-1, *shape[1:]) if function.outputs[0] in moving else shape
    return NnbFunction(
        type_name,
        number,
        0,
        tuple(numbers[variable] for variable in function.inputs),
        tuple(numbers[variable] for variable in function.outputs),
        {name: _argument(args.get(name), kind) for name, kind in known.arguments},
    )


def _argument(given: Any, kind: str) -> Argument:
    if kind == "I":
        return tuple(int(entry) for entry in given or ())
    if isinstance(given, str) or given is None:  # a number of a list of values takes its place
        return 0
    return float(given) if kind == "f" else int(given)


def _data(variable: nn.Variable, kind: str, fp_pos: int, source: Optional[Source]) -> Content:
    return content_of(source or held(variable), kind, fp_pos)
