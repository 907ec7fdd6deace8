# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A callback as a user may write one, which some of the recorded networks call."""

from __future__ import annotations

import numpy as np

from nnabla_compress.simulator.call import Call


def embed(call: Call) -> None:
    """Table look-up of Embed: inputs are codes and a table, the output is float."""
    call.expect((2,))
    codes, table, y = call.inputs[0].get(), call.inputs[1].get(), call.outputs[0]
    if table.shape[-1] != 1:
        raise call.refused("has a table that depends on the input", "make it a parameter")
    if call.inputs[0].shape + table.shape[1:-1] != y.shape:
        raise call.misfit("the output does not fit")
    numbers = np.trunc(codes).astype(np.int64)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < table.shape[0]:
        raise call.misfit("a code lies outside the table")
    y.set(np.moveaxis(table[..., 0][numbers], codes.ndim - 1, -1))
