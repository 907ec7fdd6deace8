# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the Python functions of this folder have in common."""

from __future__ import annotations

from typing import Any, Dict

import nnabla as nn
from nnabla.function import PythonFunction

from nnabla_compress.quantizers.base import NODE_PREFIX


class ArgumentsFunction(PythonFunction):
    """A function that NNabla describes by its arguments; its gradients depend on its inputs.

    Args:
        args: The arguments as a plain dict, kept by NNabla as ``function.info.args``.
    """

    def __init__(self, args: Dict[str, Any]) -> None:
        super().__init__(nn.get_current_context())
        self._args = args

    @property
    def args(self) -> Dict[str, Any]:
        return self._args

    @classmethod
    def graph_type(cls) -> str:
        """Returns the type name of the function's nodes."""
        return f"{NODE_PREFIX}{cls.__name__}"

    @property
    def name(self) -> str:
        return self.graph_type()

    def min_outputs(self) -> int:
        return 1

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True
