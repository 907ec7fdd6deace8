# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which functions the C runtime computes on integers, and what that asks of their formats."""

from __future__ import annotations

from typing import Any, List

import nnabla as nn

from nnabla_compress.function_types import FORWARD_LAYERS

# Integer kernels: both inputs and the output in one format.
SUMS = ("Add2", "Sub2")
# Their second input bounds the first.
BOUNDS = ("Minimum2", "Maximum2")
# Integer kernels that shift and so may lower the fraction bits.
LARGEST_SHIFT = 6
# Values of the input go to the output unchanged, by integer kernels or through exact floats.
KERNELS_THAT_KEEP = (
    *("MaxPooling", "AveragePooling", "Reshape", "Transpose"),
    *("Concatenate", "Split", "Stack", "Slice", "Pad", "Shift", "Flip", "Unpooling", "Identity"),
    *("MatrixDiag", "MatrixDiagPart", "MinimumScalar", "MaximumScalar", "Minimum2", "Maximum2"),
)
# Read and write integers; all their inputs and outputs must be integers. Layers shift
# x.fp + w.fp - y.fp bits out of each sum, and add the bias in the format of y.
INTEGER = (*FORWARD_LAYERS, *SUMS, *KERNELS_THAT_KEEP, "ReLU", "Mul2", "SumPooling")
# Computed in float of each element by itself: can write integers at once.
ELEMENTWISE = (
    *("LeakyReLU", "PReLU", "Sigmoid", "Tanh", "Swish", "ELU", "SELU", "CELU", "Div2", "Pow2"),
    *("AddScalar", "MulScalar", "PowScalar", "RSubScalar", "RDivScalar", "RPowScalar"),
    *("Sign", "Abs", "Exp", "Log", "Round", "Add2", "Sub2", "Mul2"),
)
MOST_FRACTION_BITS = 15


def key(variable: nn.Variable) -> Any:
    """Returns what a variable is known by: leaves by their array, since they come more than once.

    Args:
        variable: A variable of a graph.
    """
    return variable.data if variable.parent is None else variable


def largest_integer(bits: int) -> int:
    """Returns the largest integer of a signed type.

    Example:
        >>> largest_integer(8)
        127
    """
    return int(2 ** (bits - 1) - 1)


def integer_inputs(function: Any, fixed: Any) -> List[nn.Variable]:
    """Returns the inputs of a function that are held as integers.

    Args:
        function: A function of a graph.
        fixed: Keys of the variables held as integers.
    """
    return [variable for variable in function.inputs if key(variable) in fixed]
