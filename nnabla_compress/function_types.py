# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is known of NNabla's functions by their types: the one table that all parts read.

What a kernel, a target or a transform can do with a function is theirs to say. What the function
*is* stands here: whether it has a weight, which axis of it counts the output channels, what becomes
of the values that go through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


@dataclass(frozen=True)
class FunctionType:
    """A type of function. Unless told otherwise, statements are about its first input.

    Args:
        output_axis: Axis of its weight, the second input, that counts the output channels; None
            for what is no layer.
        transposed: Whether that layer spreads each input value over outputs, as deconvolutions do.
        looks_up: Whether its weight is a table whose rows are looked up.
        activation: Whether its output is a feature map that a device stores between two layers.
        non_negative: Whether no output is negative.
        binary: Whether each output is one of two values, chosen by the sign of the input.
        saturates: Whether outputs hardly move where inputs are large, or negative.
        moves: Whether each output is an input, at another place, and nothing else comes of it.
        keeps: Whether each output is an input, or 0.
        homogeneous: Whether ``f(s x) = s f(x)`` for each ``s > 0``.
        apart: Whether an output channel depends on the same channel of the input only; of Reshape
            where it leaves the channels alone.
        normalization: Whether it is a batch normalization.
        recurrent: Whether it is a whole recurrent layer.
        training_only: Whether it is the identity in inference.
    """

    output_axis: Optional[int] = None
    transposed: bool = False
    looks_up: bool = False
    activation: bool = False
    non_negative: bool = False
    binary: bool = False
    saturates: bool = False
    moves: bool = False
    keeps: bool = False
    homogeneous: bool = False
    apart: bool = False
    normalization: bool = False
    recurrent: bool = False
    training_only: bool = False

    @property
    def layer(self) -> bool:
        """Whether its output is linear in its first input and in a weight, its second one."""
        return self.output_axis is not None


def _activation(**facts: Any) -> FunctionType:
    return FunctionType(activation=True, apart=True, **facts)


_MOVES = FunctionType(moves=True, keeps=True, homogeneous=True)
_POOLING = FunctionType(homogeneous=True, apart=True)
_NORMALIZATION = FunctionType(normalization=True, apart=True)
_APART = FunctionType(apart=True)

FUNCTION_TYPES: Dict[str, FunctionType] = {
    "Convolution": FunctionType(output_axis=0),
    "Affine": FunctionType(output_axis=1),
    "DepthwiseConvolution": FunctionType(output_axis=0),
    "Deconvolution": FunctionType(output_axis=1, transposed=True),
    "DepthwiseDeconvolution": FunctionType(output_axis=0, transposed=True),
    "Embed": FunctionType(looks_up=True),
    "ReLU": _activation(non_negative=True, saturates=True, keeps=True, homogeneous=True),
    "LeakyReLU": _activation(homogeneous=True),
    "PReLU": _activation(homogeneous=True),
    "ReLU6": _activation(non_negative=True),
    "ELU": _activation(),
    "SELU": _activation(),
    "CELU": FunctionType(activation=True),
    "CReLU": FunctionType(activation=True, homogeneous=True),
    "Sigmoid": _activation(non_negative=True, saturates=True),
    "Tanh": _activation(saturates=True),
    "HardSigmoid": _activation(non_negative=True),
    "HardTanh": _activation(),
    "Swish": _activation(),
    "Mish": _activation(),
    "GELU": _activation(),
    "SoftPlus": _activation(non_negative=True),
    "BinaryTanh": _activation(binary=True),
    "BinarySigmoid": _activation(non_negative=True, binary=True),
    "Softmax": FunctionType(saturates=True),
    "LogSoftmax": FunctionType(saturates=True),
    "Reshape": FunctionType(moves=True, keeps=True, homogeneous=True, apart=True),
    "Identity": FunctionType(moves=True, keeps=True, homogeneous=True, apart=True),
    "Transpose": _MOVES,
    "Slice": _MOVES,
    "Split": _MOVES,
    "Flip": _MOVES,
    "Shift": FunctionType(keeps=True, homogeneous=True),
    "Unpooling": FunctionType(keeps=True, homogeneous=True),
    "Broadcast": FunctionType(keeps=True, homogeneous=True),
    "MaxPooling": FunctionType(keeps=True, homogeneous=True, apart=True),
    "AveragePooling": _POOLING,
    "SumPooling": _POOLING,
    "GlobalAveragePooling": _POOLING,
    "Abs": FunctionType(homogeneous=True, apart=True),
    "MulScalar": _APART,
    "AddScalar": _APART,
    "MinimumScalar": _APART,
    "MaximumScalar": _APART,
    "Round": _APART,
    "Floor": _APART,
    "Ceil": _APART,
    "Sign": _APART,
    "PowScalar": _APART,
    "RPowScalar": _APART,
    "RSubScalar": _APART,
    "RDivScalar": _APART,
    "Exp": _APART,
    "Log": _APART,
    "Sin": _APART,
    "Cos": _APART,
    "Erf": _APART,
    "LogSigmoid": _APART,
    "SoftSign": _APART,
    "TanhShrink": _APART,
    "BatchNormalization": _NORMALIZATION,
    "FusedBatchNormalization": _NORMALIZATION,
    "SyncBatchNormalization": _NORMALIZATION,
    "RNN": FunctionType(recurrent=True),
    "LSTM": FunctionType(recurrent=True),
    "GRU": FunctionType(recurrent=True),
    "Dropout": FunctionType(training_only=True, keeps=True, homogeneous=True, apart=True),
    "RandomFlip": FunctionType(training_only=True),
    "RandomShift": FunctionType(training_only=True),
    "RandomErase": FunctionType(training_only=True),
}


def types_that(**facts: bool) -> Tuple[str, ...]:
    """Returns the types of function of which all these facts hold, in the order of the table.

    Args:
        facts: Names of :class:`FunctionType`, and what they are to be.

    Example:
        >>> types_that(layer=True, transposed=True)
        ('Deconvolution', 'DepthwiseDeconvolution')
    """
    return tuple(
        name
        for name, known in FUNCTION_TYPES.items()
        if all(getattr(known, fact) == value for fact, value in facts.items())
    )


LAYERS = types_that(layer=True)
"""Layers: linear in their first input and in a weight."""
FORWARD_LAYERS = types_that(layer=True, transposed=False)
"""Layers each of whose outputs is one sum of products."""
WEIGHTED = (*LAYERS, *types_that(looks_up=True))
"""All functions whose second input is a weight that can be quantized."""
ACTIVATIONS = types_that(activation=True)
NON_NEGATIVE = types_that(non_negative=True)
BINARY = types_that(binary=True)
MOVES = types_that(moves=True)
KEEPS = types_that(keeps=True)
NORMALIZATIONS = types_that(normalization=True)
RECURRENT = types_that(recurrent=True)
TRAINING_ONLY = types_that(training_only=True)
