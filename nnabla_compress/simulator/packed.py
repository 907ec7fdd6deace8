# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The project's C kernels for packed weights, as a :class:`Machine` can run them.

They add in the order of the stock float kernels, as the ``exact`` C kernels do: the results are the
bits that the same network with float weights gives. Layers from int8 to int8 are exact in any
order.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Callable, Dict, Tuple

import numpy as np

from nnabla_compress.c_kernels.embeds import EMBED
from nnabla_compress.c_kernels.layout import IMPLEMENT, PackedWeights
from nnabla_compress.c_kernels.order import file_shape, output_maps
from nnabla_compress.c_kernels.rewrite import LAYERS
from nnabla_compress.errors import ExportError
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.nnb.writer import padded
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.callbacks import packed_dictionary
from nnabla_compress.simulator.kernels import KERNELS
from nnabla_compress.simulator.packed_embed import packed_embed
from nnabla_compress.simulator.packed_int8 import run_int8
from nnabla_compress.simulator.tensor import Tensor

_DICTIONARY_IMPLEMENTS = range(11, 19)


def packed_layer(call: Call) -> None:
    """Convolution, DepthwiseConvolution, Deconvolution and Affine on codes with a description.

    The inputs are x, codes, bias (the description again if there is none), description, laid out as
    docs/c_kernels.md says. Sizes are checked as the C kernels check them at start-up.

    Raises:
        DataError: If sizes disagree, or the description is damaged.
        UnsupportedFunctionError: If the input is of integers, and the output is not.

    Example:
        >>> from nnabla_compress.simulator import Machine
        >>> def run(nnb, x):
        ...     return Machine(nnb, callbacks=PACKED_CALLBACKS).run([x])
    """
    if "packed" not in call.plan:
        call.plan["packed"] = _packed(call)
    packed, maps = call.plan["packed"]
    if packed.results is not None:
        run_int8(call, packed, maps)
        return
    if "stock" not in call.plan:
        call.plan["stock"] = _with_float_weight(call, packed, maps)
    KERNELS[call.function.type_name](call.plan["stock"])


# By (id of the function, ``implement``): what a Machine takes to run files with packed weights.
PACKED_CALLBACKS: Dict[Tuple[int, int], Callable[[Call], None]] = {
    **{
        (number, implement): packed_dictionary
        for number, known in FUNCTIONS.items()
        if known.type_name in ("Convolution", "Affine")
        for implement in _DICTIONARY_IMPLEMENTS
    },
    **{
        (number, IMPLEMENT): packed_layer
        for number, known in FUNCTIONS.items()
        if known.type_name in LAYERS
    },
    **{
        (number, IMPLEMENT): packed_embed
        for number, known in FUNCTIONS.items()
        if known.type_name == EMBED
    },
}


def needs_callbacks(network: NnbFile) -> bool:
    """Returns whether functions of a network are left to the C kernels for packed weights.

    Args:
        network: The network.
    """
    return any((one.id, one.implement) in PACKED_CALLBACKS for one in network.functions)


def has_packed_tables(network: NnbFile) -> bool:
    """Returns whether a network looks up rows of tables that are stored as codes.

    Args:
        network: The network.
    """
    return any(one.type_name == EMBED and one.implement == IMPLEMENT for one in network.functions)


def has_int8_layers(network: NnbFile) -> bool:
    """Returns whether a network has layers with packed weights from int8 to int8.

    Args:
        network: The network.
    """
    return any(
        (one.id, one.implement) in PACKED_CALLBACKS
        and network.variables[one.outputs[0]].type == "FIXED8"
        for one in network.functions
    )


def _with_float_weight(call: Call, packed: PackedWeights, maps: np.ndarray) -> Call:
    """Returns the call of the stock function on the decoded weight."""
    x, codes, bias, description = call.inputs
    variable = codes.variable
    weight = np.ascontiguousarray(packed.values(maps), "<f4")
    inputs = [x]
    if bias is not description:
        inputs.append(bias)
    if any(not tensor.is_float for tensor in (*inputs, *call.outputs)):
        raise call.refused(
            "has packed weights and integer operands, which the simulator does not run",
            "run it on the C runtime, or export with float activations",
        )
    decoded = replace(variable, shape=weight.shape, type="FLOAT32", fp_pos=0, data=weight.tobytes())
    inputs.insert(1, Tensor(codes.number, decoded, None, 1))
    function = replace(call.function, implement=0)
    return Call(call.number, function, inputs, call.outputs)


def _packed(call: Call) -> Tuple[PackedWeights, np.ndarray]:
    """Returns the packed weights in the order of the file, and their output maps."""
    call.expect((4,))
    codes, description = call.inputs[1], call.inputs[3]
    if (codes.type, description.type) != ("FIXED8", "FIXED8"):
        raise call.misfit("codes and description are not both INT8")
    if codes.variable.data is None or description.variable.data is None:
        raise call.misfit("codes and description are not both parameters")
    shape, type_name = codes.shape, call.function.type_name
    if type_name == "Affine":
        axis = call.argument("base_axis")
        x, y = call.inputs[0].shape, call.outputs[0].shape
        shape = (math.prod(x[axis:]), math.prod(y[axis:]))
    maps = output_maps(type_name, shape, call.argument("group", 1))
    try:
        packed = PackedWeights.read(
            bytes(description.variable.data), bytes(codes.variable.data), int(maps.max()) + 1
        )
    except ExportError as error:
        raise call.misfit(error.message.rstrip(".")) from error
    length = padded((maps.size * packed.bits + 7) // 8)
    if packed.codes.size != maps.size or padded(len(codes.variable.data)) != length:
        raise call.misfit(
            f"{packed.codes.size:,} codes of {packed.bits} bits in {len(codes.variable.data):,} "
            f"bytes for {maps.size:,} weights"
        )
    return replace(packed, codes=packed.codes.reshape(file_shape(type_name, shape))), maps
