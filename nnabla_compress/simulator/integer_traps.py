# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rules for functions on integers: formats that do not fit, and numbers that are cut or wrap."""

from __future__ import annotations

import math
from typing import Iterator

import numpy as np

from nnabla_compress.nnb.network import DTYPES, values
from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.trap_findings import Finding, Subject


def bias_format(subject: Subject) -> Iterator[Finding]:
    """Traps 2 and 3: a bias of another format than the output."""
    if not subject.bits or len(subject.inputs) < 3:
        return
    bias, output = subject.inputs[2], subject.outputs[0]
    if bias.fp_pos > output.fp_pos:
        yield Finding(
            2,
            "warning",
            f"divides {subject.name(bias)} in the file image at every call, as its fp_pos is above "
            f"that of {subject.name(output)}",
            "give bias and output one fp_pos",
        )
    elif bias.fp_pos < output.fp_pos:
        yield Finding(
            3,
            "error",
            f"has {subject.name(bias)} with a smaller fp_pos than {subject.name(output)}: "
            "rt_forward returns -1",
            "give bias and output one fp_pos",
        )


def product_shift(subject: Subject) -> Iterator[Finding]:
    """Trap 8: products that can't be brought to the format of the output."""
    if not subject.bits:
        return
    a, b, y = (*subject.inputs[:2], subject.outputs[0])
    division = subject.function.type_name == "Div2"
    shift = y.fp_pos + b.fp_pos - a.fp_pos if division else a.fp_pos + b.fp_pos - y.fp_pos
    yield from defined(subject, shift)


def defined(subject: Subject, shift: int) -> Iterator[Finding]:
    """Trap 8 for a shift that is known."""
    if not 0 <= shift <= 30:
        yield Finding(
            8,
            "error",
            f"has to shift by {shift} bits, which is not defined beyond 0 to 30: "
            + subject.name(*subject.operands),
            "choose another fp_pos for the output",
        )


def integer_convolution(subject: Subject) -> Iterator[Finding]:
    """Traps 5 and 6: no bias, and sums that are cut once per input channel."""
    if not subject.bits:
        return
    if len(subject.inputs) < 3:
        yield Finding(
            5,
            "error",
            "has integers and no bias: the runtime reads a shape that nobody set, which works by "
            "luck or crashes",
            "add a bias of zeros",
        )
    weight = subject.inputs[1]
    channels = weight.shape[1] if len(weight.shape) > 1 else 1
    if subject.function.type_name == "Convolution" and channels > 1:
        yield Finding(
            6,
            "warning" if subject.bits == 8 else "note",
            f"cuts and limits {subject.name(subject.outputs[0])} once for each of {channels} input "
            "channels",
            "measure the accuracy of the whole network; int16 or float weights lose nothing here",
        )


def rescaled(subject: Subject) -> Iterator[Finding]:
    """Trap 7: formats that are too far apart."""
    if not subject.bits:
        return
    start = min(v.fp_pos for v in subject.inputs)
    shift = start - subject.outputs[0].fp_pos
    if shift >= subject.bits - 1 or (subject.bits == 8 and shift <= -9):
        yield Finding(
            7,
            "error" if shift >= subject.bits else "warning",
            f"goes from fp_pos {start} to {subject.outputs[0].fp_pos}: "
            + ("it divides by zero" if shift >= subject.bits else "it wraps or changes the sign"),
            f"keep fp_pos, or change it by -8 to +{subject.bits - 2}",
        )


def unequal_inputs(subject: Subject) -> Iterator[Finding]:
    """Trap 4: inputs of different formats."""
    difference = abs(subject.inputs[0].fp_pos - subject.inputs[1].fp_pos)
    if not subject.bits or not difference:
        return
    names = subject.name(*subject.inputs[:2])
    if difference >= subject.bits:
        message = f"brings {names} to one format by a division by zero"
        yield Finding(7, "error", message, "give both inputs and the output one fp_pos")
    yield Finding(
        4,
        "warning",
        f"has inputs with different fp_pos, {names}: the finer one is rescaled where it lies and "
        "stays so for other readers and later calls",
        "give both inputs and the output one fp_pos",
    )


def integer_average(subject: Subject) -> Iterator[Finding]:
    """Trap 9: averages that wrap."""
    if not subject.bits:
        return
    taps = math.prod(subject.function.arguments["kernel"])  # type: ignore[arg-type]
    if subject.inputs[0].fp_pos < subject.outputs[0].fp_pos:
        message = f"raises fp_pos to that of {subject.name(subject.outputs[0])}: large values wrap"
        yield Finding(9, "warning", message, "keep fp_pos")
    if taps > 1 << subject.bits:
        message = f"adds {taps:,} integers of {subject.bits} bits in twice that: the sum can wrap"
        yield Finding(9, "warning", message, "use smaller windows one after another")


def integer_constant(subject: Subject) -> Iterator[Finding]:
    """Trap 10: constants that the runtime gets wrong."""
    if not subject.bits:
        return
    dtype = np.dtype(DTYPES[subject.inputs[0].type])
    value, x = float(subject.function.arguments["val"]), subject.inputs[0]  # type: ignore[arg-type]
    add = subject.function.type_name == "AddScalar"
    bits = x.fp_pos if add else fixed_point.scalar_fraction_bits(value, dtype)
    if bits >= subject.bits:
        message = f"has {subject.name(x)}: of so many fraction bits the constant is not defined"
        yield Finding(10, "error", message, "add as float, or choose a smaller fp_pos")
        return
    got = fixed_point.constant(value, bits, dtype) / 2**bits
    if abs(got - value) > 2.0**-bits:
        name = "AddScalar" if add else "MulScalar"
        message = f"has the constant {value:g}, for which the runtime takes {got:g}"
        yield Finding(10, "warning", message, f"do {name} in float")
    if not add:
        yield from defined(subject, x.fp_pos + bits - subject.outputs[0].fp_pos)


def integer_division(subject: Subject) -> Iterator[Finding]:
    """Trap 10: division by zero."""
    divisor = subject.inputs[1]
    if not subject.bits:
        return
    if divisor.data is None:
        message = f"ends the process where {subject.name(divisor)} is 0"
        yield Finding(10, "note", message, "divide as float")
    elif len(divisor.data) >= divisor.nbytes and not values(divisor).all():
        message = f"divides by {subject.name(divisor)}, which holds 0: the process ends"
        yield Finding(10, "error", message, "divide as float")
