# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each export target can run: function types, and what their arguments must respect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

import nnabla as nn

from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.graph.layers import LAYER_TYPES, WEIGHT, layer_name
from nnabla_compress.graph.rewrite import functions, leaves

# A rule returns what is wrong with a function, None if nothing is.
Rule = Callable[[Any], Optional[str]]


@dataclass(frozen=True)
class Target:
    """What an export is for.

    Args:
        name: The name that users choose it by.
        rules: A rule for each function type that the target has; None for no restriction.
        ways_out: What to do about a missing function, by its type.
    """

    name: str
    rules: Mapping[str, Optional[Rule]]
    ways_out: Mapping[str, str] = field(default_factory=dict)

    def complaint(self, function: Any) -> Optional[str]:
        """Returns why the target can't run a function, None if it can."""
        type_name = function.info.type_name
        if type_name not in self.rules:
            return f"target {self.name!r} has no function {type_name}"
        rule = self.rules[type_name]
        wrong = rule(function) if rule is not None else None
        return None if wrong is None else f"target {self.name!r} runs {type_name} {wrong}"


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
_CUT = (
    "build the network from functions that the target has, or export the part before it by naming "
    "that variable as the output"
)

PORTABLE = Target(
    name="portable",
    rules={
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
    },
    ways_out={
        **dict.fromkeys(
            (
                "SoftmaxCrossEntropy",
                "CategoricalCrossEntropy",
                "SigmoidCrossEntropy",
                "BinaryCrossEntropy",
                "SquaredError",
                "AbsoluteError",
                "HuberLoss",
                "Top1Error",
                "TopNError",
            ),
            _LOSS,
        ),
        **dict.fromkeys(
            ("LayerNormalization", "InstanceNormalization", "GroupNormalization"), _NORMALIZATION
        ),
        "BatchMatmul": "write it as Convolution or Affine if one factor is a parameter",
        "Interpolate": "use F.unpooling or PF.deconvolution to enlarge a map",
        "LogSoftmax": "export the logits before it: the class of the largest is the same",
        "Embed": "look the vectors up before the network, and export the part behind it",
        "ImageAugmentation": "build the network without it: it only acts in training",
    },
)

TARGETS: Dict[str, Target] = {PORTABLE.name: PORTABLE}


def target_named(name: str) -> Target:
    """Returns the target of this name.

    Raises:
        ConfigError: If there is none.

    Example:
        >>> target_named("portable").name
        'portable'
    """
    if name not in TARGETS:
        raise ConfigError(f"there is no target {name!r}.", help=f"choose {', '.join(TARGETS)}")
    return TARGETS[name]


def check(outputs: Sequence[nn.Variable], target: Target, names: Mapping[Any, str]) -> None:
    """Refuses a network that holds a function that the target can't run.

    Args:
        outputs: Variables of one graph.
        target: What the network is for.
        names: Paths of parameters by their array, to say where the function stands.

    Raises:
        UnsupportedFunctionError: For the first such function, with its layer and a way out.
    """
    order = functions(outputs)
    for function in order:
        complaint = target.complaint(function)
        if complaint is not None:
            type_name = function.info.type_name
            raise UnsupportedFunctionError(
                f"{complaint}; it stands {_place(function, names)}.",
                help=target.ways_out.get(type_name, _CUT),
            )


def _place(function: Any, names: Mapping[Any, str]) -> str:
    """Returns where a function stands: the layer that it is, or the nearest one before it."""
    before: List[Any] = [function, *reversed(functions(function.inputs))]
    for candidate in before:
        if candidate.info.type_name in LAYER_TYPES and len(candidate.inputs) > WEIGHT:
            for leaf in leaves([candidate.inputs[WEIGHT]]):
                if leaf.data in names or leaf.name:
                    name = layer_name(names.get(leaf.data, leaf.name))
                    return f"in layer {name}" if candidate is function else f"behind layer {name}"
    return "before the first layer"
