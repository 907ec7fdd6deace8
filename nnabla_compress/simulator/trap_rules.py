# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rules that find traps of single functions."""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence

from nnabla_compress.nnb.network import NnbFunction, NnbVariable
from nnabla_compress.simulator import integer_traps
from nnabla_compress.simulator.kernels import KERNELS, REPLACEMENTS
from nnabla_compress.simulator.trap_findings import Finding, Rule, Subject

_TWO_WEIGHTS = (
    "BinaryConnectConvolution",
    "BinaryWeightConvolution",
    "BinaryConnectAffine",
    "BinaryWeightAffine",
)
_TWO_INPUTS = ("Convolution", "DepthwiseConvolution", "Affine", "Add2", "Sub2", "Mul2", "Div2")


def findings(
    function: NnbFunction,
    inputs: List[NnbVariable],
    outputs: List[NnbVariable],
    names: Dict[int, str],
) -> Iterator[Finding]:
    """Yields the traps of a function.

    Args:
        function: To look at.
        inputs: Its inputs.
        outputs: Its outputs.
        names: How messages call them, by their ``id()``.
    """
    subject = Subject(function, inputs, outputs, names)
    if function.type_name not in KERNELS:
        yield from _missing(subject)
        return
    if not outputs or len(inputs) < (2 if function.type_name in _TWO_INPUTS else 1):
        what = f"has {len(inputs)} inputs and {len(outputs)} outputs"
        yield Finding(0, "error", what, "convert the network again")
        return
    for rule in (*_ALL, *_RULES.get(function.type_name, ())):
        yield from rule(subject)


def _missing(subject: Subject) -> Iterator[Finding]:
    name = subject.function.type_name
    way_out = f"use {REPLACEMENTS[name]}" if name in REPLACEMENTS else "use other functions"
    if name == "BatchMatmul":
        yield Finding(18, "error", "adds to stale memory and transposes its inputs", way_out)
    else:
        what = f"has id {subject.function.id}, which the runtime does not implement (-999)"
        yield Finding(0, "error", what, way_out)


def _short_parameters(subject: Subject) -> Iterator[Finding]:
    two_weights = subject.function.type_name in _TWO_WEIGHTS
    for index, variable in enumerate(subject.inputs):
        unused = two_weights and index == 1
        if variable.data is not None and not unused and len(variable.data) < variable.nbytes:
            yield Finding(
                14,
                "error",
                f"reads beyond the {len(variable.data):,} bytes of {subject.name(variable)}",
                "give binary convolutions two weight variables, and packed weights their callback",
            )


def _channel_last(subject: Subject) -> Iterator[Finding]:
    if subject.function.arguments.get("channel_last"):
        yield Finding(
            0, "error", "has channel_last, which the runtime ignores", "put channels first"
        )


def _negative_axes(subject: Subject) -> Iterator[Finding]:
    for name in ("axis", "axes", "base_axis"):
        value = subject.function.arguments.get(name, 0)
        if min(value if isinstance(value, tuple) else (value,), default=0) < 0:
            yield Finding(
                17,
                "error",
                f"has {name} {value}: the runtime reads or writes out of bounds",
                "count axes from the front",
            )


def _mixed_convolution(subject: Subject) -> Iterator[Finding]:
    output = subject.outputs[0]
    if len({variable.type for variable in subject.operands}) == 1:
        return
    if subject.function.type_name == "DepthwiseConvolution" and (
        output.type == "FLOAT32"
        or next((v.type for v in subject.inputs if v.type != "FLOAT32"), "") != output.type
    ):
        return
    yield Finding(
        1,
        "error",
        "mixes types, and the runtime reads all operands as if they were those of the output: "
        + subject.name(*subject.operands),
        "give x, weight, bias and output one type, or compute a float weight by functions",
    )


def _pooling(subject: Subject) -> Iterator[Finding]:
    kernel = subject.function.arguments["kernel"]
    if not isinstance(kernel, tuple) or len(kernel) not in (2, 3):
        yield Finding(
            0, "error", f"has kernel {kernel}, the runtime has 2 and 3 dimensions", "reshape"
        )
    elif subject.bits == 8 and len(kernel) == 3:
        shift = subject.inputs[0].fp_pos - subject.outputs[0].fp_pos
        if shift >= subject.bits:
            yield Finding(7, "error", "divides by zero to change fp_pos", "keep fp_pos")
        elif shift:
            message = "rescales twice, as INT8 windows of three dimensions do"
            yield Finding(7, "warning", message, "keep fp_pos")


def _alpha(subject: Subject) -> Iterator[Finding]:
    rest = [v for i, v in enumerate(subject.operands) if i not in (1, 3)]
    if len(subject.inputs) > 3 and subject.inputs[3].type != "FLOAT32":
        if all(variable.type == "FLOAT32" for variable in rest):
            message = f"reads {subject.name(subject.inputs[3])} as if it were float"
            yield Finding(1, "error", message, "store alpha as float")


def _slice(subject: Subject) -> Iterator[Finding]:
    start, step = (subject.function.arguments[name] for name in ("start", "step"))
    if min(start, default=0) < 0 or min(step, default=1) < 1:  # type: ignore[arg-type, type-var]
        message = f"has start {start} and step {step}, of which negative ones become 0 and 1"
        yield Finding(17, "error", message, "count from the front")


def _pad(subject: Subject) -> Iterator[Finding]:
    if subject.function.arguments["mode"] not in (0, 1):
        message = "repeats the border, for which the runtime writes nothing"
        yield Finding(0, "error", message, "pad with constants or reflect")


def _normalization(subject: Subject) -> Iterator[Finding]:
    arguments = subject.function.arguments
    if len(subject.inputs) != 5 or arguments.get("no_scale") or arguments.get("no_bias"):
        yield Finding(18, "error", "lacks its scale or bias: the runtime crashes", "fold it")
    if arguments["batch_stat"]:
        message = "takes statistics of the batch and writes the running ones to the file image"
        yield Finding(0, "warning", message, "save it with batch_stat=False, or fold it")


def _dropout(subject: Subject) -> Iterator[Finding]:
    if subject.function.arguments["p"]:
        message = f"multiplies by 1 - {subject.function.arguments['p']:.6g}, as training does not"
        yield Finding(0, "warning", message, "leave it out")


def _binary_at_zero(subject: Subject) -> Iterator[Finding]:
    yield Finding(0, "note", "is 1 at exactly 0, where nnabla has the lower value", "use Sign")


_ALL: Sequence[Rule] = (_short_parameters, _channel_last, _negative_axes)
_RULES: Dict[str, Sequence[Rule]] = {
    "Convolution": (
        _mixed_convolution,
        integer_traps.bias_format,
        integer_traps.product_shift,
        integer_traps.integer_convolution,
    ),
    "DepthwiseConvolution": (
        _mixed_convolution,
        integer_traps.bias_format,
        integer_traps.product_shift,
        integer_traps.integer_convolution,
    ),
    "Affine": (integer_traps.bias_format, integer_traps.product_shift),
    "BinaryWeightAffine": (_alpha,),
    "Add2": (integer_traps.unequal_inputs, integer_traps.rescaled),
    "Sub2": (integer_traps.unequal_inputs, integer_traps.rescaled),
    "Mul2": (integer_traps.product_shift,),
    "Div2": (integer_traps.product_shift, integer_traps.integer_division),
    "AddScalar": (integer_traps.integer_constant, integer_traps.rescaled),
    "MulScalar": (integer_traps.integer_constant,),
    "ReLU": (integer_traps.rescaled,),
    "Reshape": (integer_traps.rescaled,),
    "Transpose": (integer_traps.rescaled,),
    "MaxPooling": (_pooling, integer_traps.rescaled),
    "SumPooling": (_pooling,),
    "AveragePooling": (_pooling, integer_traps.integer_average),
    "Slice": (_slice,),
    "Pad": (_pad,),
    "BatchNormalization": (_normalization,),
    "Dropout": (_dropout,),
    "BinarySigmoid": (_binary_at_zero,),
    "BinaryTanh": (_binary_at_zero,),
}
