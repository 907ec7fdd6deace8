# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The commands that mend what a diagnosis finds: the run again, with one thing changed."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import List, NamedTuple, Optional, Sequence, Tuple

from nnabla_compress.diagnosis.errors import MAPS, WEIGHTS, Quantized
from nnabla_compress.diagnosis.named_samples import NamedSamples
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.safe_names import shell_word

# A free dictionary of more bits can't be stored in these.
_FREE_BITS, _ON_A_GRID = 4, "grid_bits=8"


class Commands(NamedTuple):
    """How a network would be quantized again.

    Args:
        file: The float network, as a path.
        samples: The data.
        weights: Rules of the weights.
        maps: Rules of the maps; none where none is quantized.
        options: Further words of every quantization.

    Example:
        >>> commands = Commands("a.nnp", NamedSamples("a.npz"), ("lut:bits=4",), ())
        >>> print(commands.quantize(weights=["fc=lut:bits=2"]))
        nnabla-compress ptq a.nnp --data a.npz -w lut:bits=4 -w fc=lut:bits=2 --weights-only
    """

    file: str
    samples: NamedSamples
    weights: Tuple[str, ...]
    maps: Tuple[str, ...]
    options: Tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        file: str,
        samples: NamedSamples,
        tensors: Sequence[Quantized],
        floats: Sequence[str] = (),
    ) -> Commands:
        """Returns the commands for a network.

        Args:
            file: As above.
            samples: As above.
            tensors: Its quantized tensors.
            floats: Its layers whose weights are not quantized.
        """
        weights = _rules([tensor for tensor in tensors if tensor.kind == WEIGHTS])
        kept = tuple(pattern(name, "none") for name in floats)
        maps = _rules([tensor for tensor in tensors if tensor.kind == MAPS])
        return cls(file, samples, (*(weights or ("affine:bits=8",)), *kept), maps)

    def quantize(
        self, weights: Sequence[str] = (), maps: Sequence[str] = (), options: Sequence[str] = ()
    ) -> str:
        """Returns the command that quantizes again.

        Args:
            weights: Rules behind those of the weights.
            maps: Rules behind those of the maps.
            options: Further words.
        """
        words = ["nnabla-compress", "ptq", shell_word(self.file), self.samples.words]
        for rule in (*self.weights, *weights):
            words += ["-w", shlex.quote(rule)]
        for rule in (*self.maps, *maps) if self.maps else ():
            words += ["-a", shlex.quote(rule)]
        if not self.maps:
            words.append("--weights-only")
        return " ".join([*words, *self.options, *options])

    def prune(self, *options: str) -> str:
        """Returns the command that removes channels.

        Args:
            options: Which.
        """
        words = ["nnabla-compress", "prune", shell_word(self.file), self.samples.words]
        return " ".join([*words, *map(shlex.quote, options)])


def _rules(tensors: Sequence[Quantized]) -> Tuple[str, ...]:
    """The rule of most of some tensors, and those of the others."""
    found = {tensor.name: rule_of(tensor) for tensor in tensors}
    if not found:
        return ()
    ((most, _),) = Counter(found.values()).most_common(1)
    return (most, *(pattern(name, rule) for name, rule in found.items() if rule != most))


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
    return lut_rule(width) if name == "lut" else f"affine:bits={width}"


def lut_rule(bits: int) -> str:
    """Returns the rule of a dictionary that a device can store in its bits.

    Args:
        bits: Bits of a weight.

    Example:
        >>> lut_rule(4), lut_rule(8)
        ('lut:bits=4', 'lut:bits=8,grid_bits=8')
    """
    return f"lut:bits={bits}" + (f",{_ON_A_GRID}" if bits > _FREE_BITS else "")


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
