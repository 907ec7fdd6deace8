# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a file says that one of its networks is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

from nnabla_compress.names import shown_name


@dataclass(frozen=True)
class Executor:
    """How a file says that one of its networks is to be run.

    Args:
        name: Its name.
        network: Name of the network.
        inputs: Names of the variables that take data.
        outputs: Names of the variables that are its result.
    """

    name: str
    network: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]


def executor_of(message: Any) -> Executor:
    """Returns an executor as a file states it, with the names that users know.

    Args:
        message: A message ``Executor``.
    """
    return Executor(
        message.name,
        message.network_name,
        tuple(shown_name(variable.variable_name) for variable in message.data_variable),
        tuple(shown_name(variable.variable_name) for variable in message.output_variable),
    )
