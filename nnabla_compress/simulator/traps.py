# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a file asks of the runtime that it does wrongly, or not at all: found without running it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, List, Optional, Tuple, Union

from nnabla_compress.nnb.network import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.reader import description, read_nnb
from nnabla_compress.nnb.single_assignment import single_assignment
from nnabla_compress.simulator.liveness import liveness
from nnabla_compress.simulator.trap_findings import Finding
from nnabla_compress.simulator.trap_rules import findings

NEWEST_API_LEVEL = 44
UNLIKELY_API_LEVEL = 5000


@dataclass(frozen=True)
class Trap:
    """A place where the runtime does not do what the network says.

    Args:
        number: Of the trap in the list of docs/simulator.md; 0 for what is on no list.
        severity: ``error``: no result, a crash or garbage; ``warning``: wrong values; ``note``:
            values that are less exact than the types suggest, or wrong in rare cases.
        function: Number of the function; None for the file.
        message: What happens, and to which variables.
        help: What to do.
    """

    number: int
    severity: str
    function: Optional[int]
    message: str
    help: str

    def __str__(self) -> str:
        number = f" (trap {self.number})" if self.number else ""
        return f"{self.severity}: {self.message}{number}. {self.help[:1].upper()}{self.help[1:]}."


def traps(
    nnb: Union[str, Path, bytes, NnbFile], callbacks: Collection[Tuple[int, int]] = ()
) -> Tuple[Trap, ...]:
    """Returns the traps that a file falls into.

    Args:
        nnb: Path or bytes of the file, or the network.
        callbacks: (function id, ``implement``) of functions of the user's own; they are not judged.

    Returns:
        In the order of the functions, what concerns the whole file first.

    Raises:
        DataError: If there is no such file, or it is damaged.

    Example:
        >>> x = NnbVariable(0, (1, 2), "FIXED8", 6, buffer=0)
        >>> y = NnbVariable(1, (1, 2), "FIXED8", 4, buffer=1)
        >>> z = NnbVariable(2, (1, 2), "FIXED8", 4, buffer=2)
        >>> add = NnbFunction("Add2", 31, 0, (0, 1), (2,), {"inplace": False})
        >>> (trap,) = traps(NnbFile(3, 44, (2, 2, 2), (x, y, z), (add,), (0, 1), (2,)))
        >>> trap.number, trap.severity, trap.help
        (4, 'warning', 'give both inputs and the output one fp_pos')
    """
    network = single_assignment(nnb if isinstance(nnb, NnbFile) else read_nnb(nnb))
    found = _of_file(network)
    for position, number in liveness(network).hazards:
        found.append(_hazard(network, position, number))
    for position, function in enumerate(network.functions):
        for finding in _of_function(network, function, callbacks):
            found.append(_trap(position, function, finding))
    found.sort(key=lambda trap: -1 if trap.function is None else trap.function)
    return tuple(found)


def _of_file(network: NnbFile) -> List[Trap]:
    found = []
    if network.api_level > UNLIKELY_API_LEVEL:
        message = f"the file has API level {network.api_level}, which the runtime overwrites with 1"
        found.append(Trap(13, "note", None, message, "convert it again"))
    elif network.api_level > NEWEST_API_LEVEL:
        found.append(
            Trap(
                13,
                "error",
                None,
                f"the file has API level {network.api_level}, the released runtime refuses levels "
                f"above {NEWEST_API_LEVEL} (-899)",
                f"convert with --api {NEWEST_API_LEVEL} or less, unless your runtime is newer",
            )
        )
    for number, variable in enumerate(network.variables):
        if variable.type == "SIGN" and variable.buffer is not None:
            message = f"{description(variable, number)} lies in a buffer"
            found.append(Trap(16, "error", None, message, "use SIGN for parameters only"))
    return found


def _hazard(network: NnbFile, position: int, number: int) -> Trap:
    variable = network.variables[number]
    what = description(variable, number)
    lies = f"{what} in buffer {variable.buffer}" if variable.buffer is not None else what
    if position < 0:
        message = f"input {lies} shares its buffer with another input"
    elif position == len(network.functions):
        message = f"output {lies} is overwritten before the network ends, or never written"
    elif number in network.functions[position].outputs:
        name = network.functions[position].type_name
        message = f"function {position} ({name}) writes {lies}, which it reads, or which is written"
    else:
        name = network.functions[position].type_name
        message = f"function {position} ({name}) reads {lies}, overwritten or not written yet"
    place = position if 0 <= position < len(network.functions) else None
    return Trap(0, "error", place, message, "convert the network again")


def _of_function(
    network: NnbFile, function: NnbFunction, callbacks: Collection[Tuple[int, int]]
) -> List[Finding]:
    if (function.id, function.implement) in callbacks:
        return []
    inputs: List[NnbVariable] = [network.variables[n] for n in function.inputs]
    outputs = [network.variables[n] for n in function.outputs]
    names = {
        id(variable): description(variable, number)
        for variable, number in zip(inputs + outputs, function.inputs + function.outputs)
    }
    if 0 < function.implement < 100:
        number = function.implement
        message = f"is marked as the user's own (implement {number}): a program has to register it"
        return [Finding(0, "error", message, "register its callback before rt_initialize_context")]
    return list(findings(function, inputs, outputs, names))


def _trap(position: int, function: NnbFunction, finding: Finding) -> Trap:
    message = f"function {position} ({function.type_name}) {finding.message}"
    return Trap(finding.number, finding.severity, position, message, finding.help)
