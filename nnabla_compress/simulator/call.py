# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One function of a running network with its operands, as kernels get it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

import numpy as np

from nnabla_compress.errors import DataError, UnsupportedFunctionError
from nnabla_compress.nnb.network import NnbFunction
from nnabla_compress.simulator.tensor import Tensor


@dataclass
class Call:
    """A function about to run.

    Args:
        number: Of the function in the file.
        function: As the file describes it.
        inputs: Operands.
        outputs: Where results go.
        plan: What a kernel keeps between calls.
    """

    number: int
    function: NnbFunction
    inputs: List[Tensor]
    outputs: List[Tensor]
    plan: Dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"function {self.number} ({self.function.type_name})"

    def argument(self, name: str, default: Any = None) -> Any:
        """Returns an argument, or what the runtime takes at API levels that lack it."""
        return self.function.arguments.get(name, default)

    @property
    def operands(self) -> List[Tensor]:
        """Inputs and outputs."""
        return self.inputs + self.outputs

    @property
    def integer_type(self) -> str:
        """FIXED8 or FIXED16 if all operands have that type, else empty."""
        types = {tensor.type for tensor in self.operands}
        return types.pop() if types in ({"FIXED8"}, {"FIXED16"}) else ""

    def expect(self, inputs: Tuple[int, ...]) -> None:
        """Checks the number of inputs, and that there is one output.

        Args:
            inputs: Numbers that the runtime takes.

        Raises:
            UnsupportedFunctionError: If the runtime would not take them.
        """
        if len(self.inputs) in inputs and len(self.outputs) == 1:
            return
        raise self.refused(
            f"has {len(self.inputs)} inputs and {len(self.outputs)} outputs, the runtime takes "
            f"{' or '.join(map(str, inputs))} and 1",
            "functions with packed weights need their callback",
        )

    def same_size(self) -> None:
        """Checks that the first input and the first output have equally many elements."""
        if math.prod(self.inputs[0].shape) != math.prod(self.outputs[0].shape):
            raise self.misfit("input and output differ in size")

    def refused(self, what: str, help: str) -> UnsupportedFunctionError:
        """Returns the error for what the runtime does not compute, or computes wrongly."""
        return UnsupportedFunctionError(f"{self} {what}.", help=help)

    def misfit(self, what: str) -> DataError:
        """Returns the error for operands and arguments that contradict each other."""
        shapes = ", ".join("x".join(map(str, tensor.shape)) for tensor in self.operands)
        return DataError(f"{self}: {what} ({shapes}).", help="convert the network again")

    def shift(self, bits: int) -> int:
        """Returns the divisor 2**bits of an integer kernel.

        Raises:
            UnsupportedFunctionError: If the result of the runtime is not defined.
        """
        if 0 <= bits <= 30:
            return 1 << bits
        raise self.refused(
            f"has to shift by {bits} bits, which is not defined beyond 0 to 30 (trap 8): "
            + ", ".join(map(str, self.operands)),
            "choose a smaller fp_pos for the output"
            if bits < 0
            else "choose a larger fp_pos for the output",
        )


def lane_count(*arrays: np.ndarray) -> int:
    """Returns the lanes that the results of arrays have.

    Example:
        >>> lane_count(np.zeros((3, 1)), np.zeros((3, 8)))
        8
    """
    return max(array.shape[-1] for array in arrays)
