# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How the samples that are looked at are named in commands, with their preprocessing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Sequence, Union

from nnabla_compress.safe_names import shell_word

Numbers = Union[float, Sequence[float]]

# Images as they are, and scaled to 0..1: what a scale near one of these is meant to be.
_USUAL = (1.0, 1 / 255)
_NEAR = 2.0
_UNKNOWN = "DATA"


@dataclass(frozen=True)
class NamedSamples:
    """How samples are named in a command.

    Args:
        data: What ``--data`` takes, "" where the samples have no such name.
        recipe: Path of a recipe that brings them with their preprocessing, "" if none does.
        scale: They are ``(x * scale - mean) / std``.
        mean: Likewise.
        std: Likewise.

    Example:
        >>> NamedSamples("a b.npz", scale=1 / 255).words
        "--data 'a b.npz' --scale 1/255"
        >>> NamedSamples("a.npz", "out/recipe.yaml").words
        '--recipe-data out/recipe.yaml'
    """

    data: str = ""
    recipe: str = ""
    scale: float = 1.0
    mean: Numbers = 0.0
    std: Numbers = 1.0

    @property
    def words(self) -> str:
        """The words that bring them."""
        if self.recipe:
            return f"--recipe-data {shell_word(self.recipe)}"
        words = ["--data", shell_word(self.data) if self.data else _UNKNOWN]
        if self.scale != 1:
            words += ["--scale", _number(self.scale)]
        for name, numbers, neutral in (("mean", self.mean, 0.0), ("std", self.std, 1.0)):
            found = _several(numbers)
            if any(number != neutral for number in found):
                words += [f"--{name}", ",".join(map(_number, found))]
        return " ".join(words)

    def shrunk(self, factor: float) -> NamedSamples:
        """Returns them prepared so that their spread is a part of what it is.

        Args:
            factor: What the spread is divided by.

        Example:
            >>> NamedSamples("a.npz").shrunk(250).words
            '--data a.npz --scale 1/255'
            >>> NamedSamples("a.npz", scale=1 / 255).shrunk(0.004).words
            '--data a.npz'
            >>> NamedSamples("a.npz", mean=3, std=[2, 4]).shrunk(10).words
            '--data a.npz --mean 3 --std 20,40'
        """
        plain = replace(self, recipe="")
        if any(_several(self.mean)) or any(number != 1 for number in _several(self.std)):
            return replace(plain, std=[number * factor for number in _several(self.std)])
        wanted = self.scale / factor
        usual = [each for each in _USUAL if 1 / _NEAR < wanted / each < _NEAR]
        return replace(plain, scale=usual[0] if usual else wanted)


def _several(numbers: Numbers) -> List[float]:
    return [float(numbers)] if isinstance(numbers, (int, float)) else [float(n) for n in numbers]


def _number(number: float) -> str:
    return "1/255" if abs(number * 255 - 1) < 1e-9 else f"{number:.4g}"
