# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network wants of a data set: its inputs by name, and which kind of targets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError

# What an option x: or y: of a source may be.
Names = Union[str, Mapping[str, str], None]


@dataclass(frozen=True)
class Wanted:
    """What a network wants of a data set.

    Args:
        inputs: What data may call each input of the network, best first, by the input's name.
        target: What data may call the targets, best first.
        targets: ``"classes"``, ``"numbers"``, ``"either"`` or ``"none"``, see ``Split.checked``.
        unlabelled: Whether samples without targets will do.
        shapes: Shape of one sample of each input, where the network says it.

    Example:
        >>> Wanted().pick({"x": 1, "y": 2})
        ({'x': 1}, 2)
    """

    inputs: Mapping[str, Tuple[str, ...]] = field(default_factory=lambda: {"x": ("x",)})
    target: Tuple[str, ...] = ("y",)
    targets: str = "classes"
    unlabelled: bool = False
    shapes: Mapping[str, Tuple[int, ...]] = field(default_factory=dict)

    def named(self, x: Names = None, y: Optional[str] = None) -> Wanted:
        """Returns the same with the names that a user gave.

        Args:
            x: Name in the data of the only input, or of each by the network's name of it.
            y: Name in the data of the targets.

        Raises:
            ConfigError: If an input is named that the network has not.
        """
        inputs = dict(self.inputs)
        if isinstance(x, str):
            if len(inputs) != 1:
                raise ConfigError(
                    f"data: x is {x!r}, the network has the inputs {', '.join(inputs)}.",
                    help="give x: {input: name in the data, ...}",
                )
            inputs = {next(iter(inputs)): (x,)}
        for key, name in (x or {}).items() if not isinstance(x, str) else ():
            if key not in inputs:
                raise ConfigError(
                    f"data: x names the input {key!r}.", help=f"inputs are: {', '.join(inputs)}"
                )
            inputs[key] = (str(name),)
        return replace(self, inputs=inputs, target=self.target if y is None else (y,))

    def pick(self, found: Mapping[str, Any]) -> Tuple[Dict[str, Any], Any]:
        """Chooses from what data hold.

        Args:
            found: What there is, by name.

        Returns:
            The inputs by the network's name, those that are missing left out, and the target or
            None.
        """
        inputs = {}
        for name, candidates in self.inputs.items():
            for candidate in candidates:
                if candidate in found:
                    inputs[name] = found[candidate]
                    break
        target = next((found[name] for name in self.target if name in found), None)
        return inputs, target

    def check(self, inputs: Mapping[str, Any], target: Any, where: str, suffix: str = "") -> None:
        """Refuses data that lack an input or the targets.

        Args:
            inputs: What was found, by the network's name.
            target: The target, None where there is none.
            where: File or source, named in messages.
            suffix: What names end with there.

        Raises:
            DataError: If anything is missing that is wanted.
        """
        target_name = self.target[0] + suffix
        for name, candidates in self.inputs.items():
            if name not in inputs:
                there = [self.inputs[key][0] + suffix for key in inputs]
                there += [target_name] if target is not None else []
                wanted = " or ".join(candidate + suffix for candidate in candidates)
                raise DataError(
                    f"{where} has {', '.join(there)} but not {wanted}.", help=f"add {wanted}"
                )
        if target is None and not self.unlabelled:
            name = next(iter(self.inputs.values()))[0] + suffix
            raise DataError(
                f"{where} has {name} but not {target_name}.",
                help=f"add {target_name}, or name it with y=; y={name[: len(name) - len(suffix)]} "
                "for an autoencoder; --distill weight=1 learns without",
            )


def as_numbers(y: np.ndarray) -> np.ndarray:
    """Returns class indices as numbers, (N, 1) for (N,).

    Args:
        y: Class indices (N,), or (N, ...).

    Example:
        >>> as_numbers(np.int32([3, 1])).tolist()
        [[3.0], [1.0]]
    """
    return (y[:, np.newaxis] if y.ndim == 1 else y).astype(np.float32)
