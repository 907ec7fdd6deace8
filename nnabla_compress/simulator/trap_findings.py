# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a rule that looks for traps gets, and what it finds."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple

from nnabla_compress.nnb.network import NnbFunction, NnbVariable


class Finding(NamedTuple):
    """What a rule found; fields as of a trap."""

    number: int
    severity: str
    message: str
    help: str


class Subject(NamedTuple):
    """A function with the variables that it reads and writes."""

    function: NnbFunction
    inputs: List[NnbVariable]
    outputs: List[NnbVariable]
    names: Dict[int, str]

    def name(self, *variables: NnbVariable) -> str:
        """How messages call variables."""
        return " and ".join(self.names[id(variable)] for variable in variables)

    @property
    def operands(self) -> List[NnbVariable]:
        """Inputs and outputs."""
        return self.inputs + self.outputs

    @property
    def bits(self) -> int:
        """8 or 16 if all operands are integers of one width, else 0."""
        types = {variable.type for variable in self.operands}
        return {"FIXED8": 8, "FIXED16": 16}.get(types.pop(), 0) if len(types) == 1 else 0


Rule = Callable[[Subject], Iterator[Finding]]
