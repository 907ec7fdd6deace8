# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running graphs on the same inputs, to compare what comes out."""

from __future__ import annotations

import warnings
from collections import Counter
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Set

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.graph.rewrite import functions
from nnabla_compress.memory import give_back
from nnabla_compress.quantizers.engine import host_array

_LARGE = 1 << 22  # numbers


Fill = Mapping[Any, Callable[[], Iterable[np.ndarray]]]
"""What makes the values of parameters that have none in memory, by array: flat pieces."""

Before = Callable[[Any], None]


def _nothing(function: Any) -> None:
    """Before most functions there is nothing to do."""


def run(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    values: Sequence[np.ndarray],
    fill: Fill = MappingProxyType({}),
    before: Before = _nothing,
) -> List[np.ndarray]:
    """Returns what a graph computes; of other variables no values are left.

    Args:
        inputs: Its inputs.
        outputs: Its outputs.
        values: An array for each input.
        fill: Parameters whose values are made when a function is to read them, and forgotten behind
            the last one that does.
        before: Called with each function before it; it may change the values that are read.
    """
    for variable, array in zip(inputs, values):
        variable.d = array
    kept = [(output, output.persistent) for output in outputs]
    for output in outputs:
        output.persistent = True
    try:
        # What quantizers have to say of values that only compare graphs concerns nobody.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            nn.forward_all(list(outputs), clear_buffer=True, **_hooks(outputs, fill, before))
        return [np.array(output.d) for output in outputs]
    finally:
        for output, persistent in kept:
            output.persistent = persistent
        clear_memory_cache()  # NNabla keeps freed memory, which graphs of other sizes don't take


def _hooks(outputs: Sequence[nn.Variable], fill: Fill, first: Before) -> Dict[str, Any]:
    """What keeps the memory small: values of parameters are there as long as functions read them.

    NNabla keeps freed memory, which arrays of other sizes don't take: it goes before large ones.
    """
    large = any(v.size > _LARGE for f in functions(outputs) for v in f.inputs)
    if not fill and not large:
        return {} if first is _nothing else {"function_pre_hook": first}
    left = Counter(v.data for f in functions(outputs) for v in f.inputs if v.data in fill)
    there: Set[Any] = set()

    def before(function: Any) -> None:
        if any(v.size > _LARGE for v in function.inputs):
            give_back()
        for data in {v.data for v in function.inputs if v.data in fill} - there:
            there.add(data)
            flat, start = host_array(data, np.float32, overwrite=True).reshape(-1), 0
            for piece in fill[data]():
                flat[start : start + piece.size] = piece
                start += piece.size
        first(function)

    def after(function: Any) -> None:
        for data in (v.data for v in function.inputs if v.data in fill):
            left[data] -= 1
            if not left[data]:
                data.clear()
                clear_memory_cache()

    return {"function_pre_hook": before, "function_post_hook": after}
