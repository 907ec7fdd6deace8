# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The functions of the NNabla C runtime, and what their arguments must respect."""

from __future__ import annotations

from typing import Any, Dict, Optional

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.models.heads import LOSSES
from nnabla_compress.targets.target import Rule


def _channels_first(function: Any) -> Optional[str]:
    return "with channel_last=False only" if function.info.args.get("channel_last") else None


def _affine(function: Any) -> Optional[str]:
    weight = function.inputs[WEIGHT]
    return "with a weight that is a parameter" if weight.parent is not None else None


def _axes_from_the_front(function: Any) -> Optional[str]:
    args = function.info.args
    axes = args.get("axes", [args.get("axis", 0)])
    return "with axes counted from the front" if any(axis < 0 for axis in axes) else None


def _slice(function: Any) -> Optional[str]:
    args = function.info.args
    if any(step <= 0 for step in args["step"]) or any(start < 0 for start in args["start"]):
        return "with steps above 0 and starts counted from the front"
    return None


def _mode_of(key: str, *allowed: str) -> Rule:
    def rule(function: Any) -> Optional[str]:
        mode = function.info.args[key]
        return None if mode in allowed else f"with {key}={' or '.join(allowed)}, not {mode}"

    return rule


_LOSS = "export the logits, not the loss"
_NORMALIZATION = "use batch normalization, which is folded into the layers"
_QUANTIZER = (
    "put in a quantizer of nnabla_compress.quantizers instead: Uniform, or Pow2 for powers of two"
)
RULES: Dict[str, Optional[Rule]] = {
    "Convolution": _channels_first,
    "DepthwiseConvolution": None,
    "Deconvolution": _channels_first,
    "Affine": _affine,
    "MaxPooling": _channels_first,
    "AveragePooling": _channels_first,
    "SumPooling": _channels_first,
    "Unpooling": _channels_first,
    **dict.fromkeys(("ReLU", "LeakyReLU", "PReLU", "Sigmoid", "Tanh", "Swish")),
    **dict.fromkeys(("ELU", "SELU", "CELU")),
    "CReLU": _axes_from_the_front,
    "Softmax": _axes_from_the_front,
    "MeanSubtraction": None,
    **dict.fromkeys(("Add2", "Sub2", "Mul2", "Div2", "Pow2", "Minimum2", "Maximum2")),
    **dict.fromkeys(("AddScalar", "MulScalar", "PowScalar", "RSubScalar", "RDivScalar")),
    **dict.fromkeys(("RPowScalar", "MinimumScalar", "MaximumScalar")),
    **dict.fromkeys(("Sign", "Abs", "Exp", "Log", "Identity", "Round")),
    **dict.fromkeys(("Concatenate", "Split", "Stack", "Sum", "Flip"), _axes_from_the_front),
    "Slice": _slice,
    "Pad": _mode_of("mode", "constant", "reflect"),
    "Shift": _mode_of("border_mode", "nearest", "reflect"),
    "Transpose": _axes_from_the_front,
    **dict.fromkeys(("Reshape", "MatrixDiag", "MatrixDiagPart")),
}
# What to do about a missing function, by its type.
WAYS_OUT: Dict[str, str] = {
    **dict.fromkeys(
        (
            *LOSSES,
            "Top1Error",
            "TopNError",
        ),
        _LOSS,
    ),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization"), _NORMALIZATION
    ),
    **dict.fromkeys(
        ("RNN", "LSTM", "GRU"),
        "shorten the sequence: a file with up to 512 steps is read step by step; in a script build "
        "it from PF.lstm_cell or Affine",
    ),
    "BatchMatmul": "write it as Convolution or Affine if one factor is a parameter",
    **dict.fromkeys(("Max", "Min"), "the largest of a whole map goes: axes 2 and 3, without index"),
    "Tile": "tile other axes than the batch",
    "MinMaxQuantize": "where its range is that of each batch, build it with x_min_max=False; else "
    "give it finite numbers, and ql_max above ql_min",
    "QuantizeLinear": _QUANTIZER,
    "Interpolate": "use F.unpooling or PF.deconvolution to enlarge a map, or put channels first",
    "LogSoftmax": "export the logits before it: the class of the largest is the same",
    "Embed": "look the vectors up before the network, and export the part behind it",
    "ImageAugmentation": "build the network without it: it only acts in training",
}
