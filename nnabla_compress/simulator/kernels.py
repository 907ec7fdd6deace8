# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which kernel computes a function, by its name."""

from __future__ import annotations

from typing import Callable, Dict

from nnabla_compress.simulator import (
    activation,
    affine,
    arrays,
    convolution,
    elementwise,
    pooling,
    reduction,
)
from nnabla_compress.simulator.call import Call

Kernel = Callable[[Call], None]

KERNELS: Dict[str, Kernel] = {
    "Affine": affine.affine,
    "BinaryConnectAffine": affine.binary_connect_affine,
    "BinaryWeightAffine": affine.binary_weight_affine,
    "Convolution": convolution.convolution,
    "DepthwiseConvolution": convolution.depthwise_convolution,
    "Deconvolution": convolution.deconvolution,
    "BinaryConnectConvolution": convolution.binary_connect_convolution,
    "BinaryWeightConvolution": convolution.binary_weight_convolution,
    "MaxPooling": pooling.max_pooling,
    "AveragePooling": pooling.average_pooling,
    "SumPooling": pooling.sum_pooling,
    "Unpooling": pooling.unpooling,
    **activation.KERNELS,
    **elementwise.KERNELS,
    **arrays.KERNELS,
    **reduction.KERNELS,
}

REPLACEMENTS = {
    "GlobalAveragePooling": "AveragePooling over the full map",
    "ReLU6": "MaximumScalar and MinimumScalar",
    "HardTanh": "MaximumScalar and MinimumScalar",
    "AddN": "Add2",
    "MulN": "Mul2",
    "BcAdd2": "Add2",
    "Mean": "AveragePooling, or Sum and MulScalar",
    "Constant": "a parameter",
    "Broadcast": "the broadcasting of Add2 and Mul2",
    "Tile": "the broadcasting of Add2 and Mul2",
    "BatchMatmul": "Affine, or Convolution",
    "Embed": "a callback",
}


def missing(call: Call) -> None:
    """Raises what a function does that the runtime does not have."""
    name, ident = call.function.type_name, call.function.id
    if name == "BatchMatmul":
        raise call.refused(
            "adds to what lies in its output and transposes its inputs in place (trap 18)",
            f"use {REPLACEMENTS[name]}",
        )
    raise call.refused(
        f"with id {ident} is not implemented in the runtime: rt_forward prints error -999 and "
        "returns -1",
        f"use {REPLACEMENTS[name]}" if name in REPLACEMENTS else "write it with other functions",
    )
