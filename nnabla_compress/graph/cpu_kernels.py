# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Graphs whose heaviest functions are computed by kernels of this package."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import nnabla as nn

from nnabla_compress.functions.batch_normalization import BatchNormalization
from nnabla_compress.functions.convolution import Convolution
from nnabla_compress.functions.relu import ReLU
from nnabla_compress.graph.rewrite import rebuild, take_over

_COMPUTED = (Convolution, BatchNormalization, ReLU)


def with_cpu_kernels(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds the graph again with the functions that this package computes faster on a CPU.

    The functions keep their names and arguments, so that whoever reads the graph sees the same.
    Where the context is not the CPU with float32, nothing is replaced.

    Args:
        outputs: Variables of one graph.

    Returns:
        The new outputs, equal but for rounding.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.convolution(nn.Variable((1, 1, 4, 4)), 2, (3, 3))
        >>> quick, = with_cpu_kernels([y])
        >>> quick.parent.info.type_name, quick.shape
        ('Convolution', (1, 2, 2, 2))
    """
    if not all(backend == "cpu:float" for backend in nn.get_current_context().backend):
        return list(outputs)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        for computed in _COMPUTED:
            if computed.can_compute(function):
                made = computed(dict(function.info.args))(*arguments)
                take_over(function, function.outputs[0], made)
                return made
        return None

    return rebuild(outputs, replace)
