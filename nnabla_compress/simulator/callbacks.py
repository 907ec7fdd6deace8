# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions of a user's own that the runtime calls, as a :class:`Machine` can run them."""

from __future__ import annotations

import math

import numpy as np

from nnabla_compress.simulator import affine
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.convolution import Roles, plan, run_real


def packed_dictionary(call: Call) -> None:
    """Convolution and Affine whose weights are packed codes and a dictionary.

    The inputs are x, codes, bias, dictionary; ``implement`` is 10 and the bits of a code. Code i
    lies in the bits i * bits upward of the data, low bits first, in the order of the weight
    ([maps, channels / group, kernel], or [outputs, inputs]). The dictionary has 2**bits values, or
    as many for each output map. Sums are added as the stock float kernel does.

    Example:
        >>> from nnabla_compress.simulator import Machine
        >>> def run(nnb, x):
        ...     kernels = {(265, 14): packed_dictionary, (0, 14): packed_dictionary}
        ...     return Machine(nnb, callbacks=kernels).run([x])
    """
    call.expect((4,))
    x, packed, bias, dictionary = call.inputs
    y = call.outputs[0]
    if {tensor.type for tensor in (x, bias, dictionary, y)} != {"FLOAT32"}:
        raise call.misfit("x, bias, dictionary and output are not all float")
    bits = call.function.implement - 10
    if call.function.type_name == "Affine":
        axis = call.argument("base_axis")
        maps, each = math.prod(y.shape[axis:]), math.prod(x.shape[axis:])
        affine.run_real(call, _decoded(call, bits, maps, each), None, bias)
        return
    roles = Roles(x, packed, None, bias, y)
    shapes = plan(call, roles, packed.shape)
    groups, maps, channels, taps = shapes.w
    weight = _decoded(call, bits, groups * maps, channels * taps)
    run_real(roles, shapes, weight.reshape(*shapes.w, 1))


def _decoded(call: Call, bits: int, maps: int, each: int) -> np.ndarray:
    """Returns the weight, float32 (maps, each, 1); it is decoded once."""
    if "weight" in call.plan:
        return call.plan["weight"]
    packed, dictionary = call.inputs[1], call.inputs[3]
    data = packed.variable.data
    if not 1 <= bits <= 8 or data is None:
        raise call.misfit(f"codes of {bits} bits are not known, or no parameter")
    count = maps * each
    if 8 * len(data) < bits * count:
        raise call.misfit(f"{count:,} codes of {bits} bits do not fit into {len(data):,} bytes")
    stream = np.unpackbits(np.frombuffer(bytes(data), np.uint8), bitorder="little")[: bits * count]
    codes = stream.reshape(maps, each, bits) @ (1 << np.arange(bits))
    table = dictionary.get().reshape(-1)
    if table.size == maps << bits:
        table = table.reshape(maps, 1 << bits)
        weight = np.take_along_axis(table, codes, axis=1)
    elif table.size == 1 << bits:
        weight = table[codes]
    else:
        raise call.misfit(f"the dictionary has {table.size} entries for codes of {bits} bits")
    call.plan["weight"] = np.ascontiguousarray(weight[..., None])
    return call.plan["weight"]
