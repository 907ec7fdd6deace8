# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The commands that mend what a diagnosis finds: the run again, with one thing changed."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import List, NamedTuple, Optional, Sequence

from nnabla_compress.diagnosis.errors import MAPS, WEIGHTS, Quantized
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.safe_names import shell_word

_CALIBRATED = "affine", "lut"


class Commands(NamedTuple):
    """How a network would be quantized again.

    Args:
        file: The float network, as a path.
        recipe: The recipe with data and preprocessing, as a path.
        weights: Rule of most weights.
        maps: Rule of most maps, None where none is quantized.

    Example:
        >>> commands = Commands("a.nnp", "a.yaml", "lut:bits=4", None)
        >>> print(commands.quantize(weights=["fc=lut:bits=8"]))
        nnabla-compress ptq a.nnp --recipe-data a.yaml -w lut:bits=4 -w fc=lut:bits=8 --weights-only
    """

    file: str
    recipe: str
    weights: str
    maps: Optional[str]

    @classmethod
    def of(cls, file: str, recipe: str, tensors: Sequence[Quantized]) -> Commands:
        """Returns the commands for a network.

        Args:
            file: As above.
            recipe: As above.
            tensors: Its quantized tensors.
        """
        rules = {kind: [rule_of(t) for t in tensors if t.kind == kind] for kind in (WEIGHTS, MAPS)}
        most = {kind: Counter(found).most_common(1) for kind, found in rules.items()}
        weights = most[WEIGHTS][0][0] if most[WEIGHTS] else "affine:bits=8"
        return cls(file, recipe, weights, most[MAPS][0][0] if most[MAPS] else None)

    def quantize(
        self, weights: Sequence[str] = (), maps: Sequence[str] = (), options: Sequence[str] = ()
    ) -> str:
        """Returns the command that quantizes again.

        Args:
            weights: Rules behind that of most weights.
            maps: Rules behind that of most maps.
            options: Further words.
        """
        words = ["nnabla-compress", "ptq", shell_word(self.file)]
        words += ["--recipe-data", shell_word(self.recipe)]
        for rule in (self.weights, *weights):
            words += ["-w", shlex.quote(rule)]
        if self.maps is None:
            words.append("--weights-only")
        else:
            for rule in (self.maps, *maps):
                words += ["-a", shlex.quote(rule)]
        return " ".join([*words, *options])

    def prune(self, *options: str) -> str:
        """Returns the command that removes channels.

        Args:
            options: Which.
        """
        words = ["nnabla-compress", "prune", shell_word(self.file)]
        return " ".join(
            [*words, "--recipe-data", shell_word(self.recipe), *map(shlex.quote, options)]
        )


def rule_of(tensor: Quantized, bits: Optional[float] = None) -> str:
    """Returns the rule of post-training quantization that is nearest to what a tensor has.

    Args:
        tensor: The tensor.
        bits: Other bits.
    """
    width = int(min(max(round(tensor.bits if bits is None else bits), 2), 8))
    if tensor.kind == MAPS:
        return f"affine:bits={width},symmetric=false"
    quantizer = quantizer_of(tensor.nodes[0])
    assert quantizer is not None
    name = quantizer.__name__.lower()
    return f"{name if name in _CALIBRATED else 'affine'}:bits={width}"


def pattern(name: str, rule: str) -> str:
    """Returns a rule for one tensor.

    Args:
        name: Its name; what patterns take for something else stands for any character.
        rule: The rule.

    Example:
        >>> pattern("block[0]/conv", "lut:bits=4")
        'block?0?/conv=lut:bits=4'
    """
    plain: List[str] = ["?" if c in "[]*=,:" else c for c in name]
    return f"{''.join(plain)}={rule}"
