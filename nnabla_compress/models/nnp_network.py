# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network of a file as a graph, and how the file says that it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Tuple

import nnabla as nn

from nnabla_compress.errors import ConfigError
from nnabla_compress.models.heads import before_activation, without_loss
from nnabla_compress.names import shown_name


@dataclass(frozen=True)
class LoadedNetwork:
    """A network of an ``.nnp`` file as a graph.

    Args:
        name: Name of the network in the file.
        inputs: Input variables by name; of a network that ends in a loss, the labels too.
        outputs: Output variables by name, as the file's executor gives them.
    """

    name: str
    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]

    @property
    def output(self) -> nn.Variable:
        """The only output.

        Raises:
            ConfigError: If there are several.
        """
        if len(self.outputs) != 1:
            raise ConfigError(
                f"network {self.name!r} has {len(self.outputs)} outputs: "
                f"{', '.join(self.outputs)}.",
                help="choose a network with one output, or save it with an executor that names one",
            )
        return next(iter(self.outputs.values()))

    @property
    def head(self) -> str:
        """Type of the last function, e.g. ``"Affine"``, ``"Softmax"``, ``"BinaryCrossEntropy"``."""
        return str(self.output.parent.info.type_name)

    @property
    def prediction(self) -> nn.Variable:
        """The output; of a network that ends in a loss, what that loss takes."""
        return without_loss(self.output)

    @property
    def logits(self) -> nn.Variable:
        """The prediction before its Sigmoid, Softmax or LogSoftmax, if it ends in one."""
        return before_activation(self.prediction)


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
