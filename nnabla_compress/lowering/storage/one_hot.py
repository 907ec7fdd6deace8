# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``one_hot``: any dictionary, looked up value for value by two Affines."""

from __future__ import annotations

from typing import ClassVar, Dict, Optional, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.lowering.storage.bit_matrix import bit_rows
from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import Scheme, Stored, cut, parameter, reshaped
from nnabla_compress.lowering.storage.sign_planes import signs_of
from nnabla_compress.nnb.sources import Source

_MOST_BITS = 4
_VALUE_BYTES = 4
_LARGE = 8192  # weights, from which on memory counts more than some records of functions


class OneHot(Scheme):
    """Values ``ReLU(B P - (n - 1)) d``, with the bits B = +1 or -1 of shape (N, n).

    Column j of P holds the bits of the number j. The product of a row of B with it is n where the
    code is j and at most n - 2 elsewhere, so the ReLU leaves a 1 at the code and zeros elsewhere,
    and the last Affine picks its entry of the dictionary d without rounding. All but the last run
    in the runtime's INT8 kernels. Large tensors are decoded in parts, which takes less memory.
    """

    name: ClassVar[str] = "one_hot"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses more than 16 levels."""
        if len(tensor.levels) > 2**_MOST_BITS:
            return f"it has {len(tensor.levels)} distinct values, a one-hot look-up takes 16"
        return None

    def build_values(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the values, straight from a dictionary of them if one holds for all."""
        if tensor.values is None:
            return super().build_values(tensor, path)
        return self._look_up(tensor, tensor.values, path)

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the levels."""
        return self._look_up(tensor, tensor.levels.astype(np.float32), path)

    def _look_up(self, tensor: CodedTensor, dictionary: np.ndarray, path: str) -> Stored:
        types: Dict[nn.Variable, str] = {}
        entries = np.zeros((2**tensor.bits, 1), np.float32)
        entries[: len(dictionary), 0] = dictionary
        sources: Dict[nn.Variable, Source] = {}
        count, parts = tensor.index.size, []
        size = _part_size(count, tensor.bits)
        for number, start in enumerate(range(0, count, size)):
            part = start, min(start + size, count)
            parts.append(_decode(tensor, part, entries, path, number, types, sources))
        joined = parts[0] if len(parts) == 1 else F.concatenate(*parts, axis=0)
        y = reshaped(joined, tensor.shape)
        return Stored(self.name, y, types, sources)


def _part_size(count: int, bits: int) -> int:
    """Returns how many weights are decoded at a time.

    The row of a weight takes 2**bits bytes, its value four: large tensors are decoded in parts,
    whose rows take no more memory than the values.
    """
    parts = 2**bits // _VALUE_BYTES
    if parts < 2 or count < _LARGE:
        return max(count, 1)
    return -(-count // (8 * parts)) * 8


def _decode(
    tensor: CodedTensor,
    part: Tuple[int, int],
    entries: np.ndarray,
    path: str,
    number: int,
    types: Dict[nn.Variable, str],
    sources: Dict[nn.Variable, Source],
) -> nn.Variable:
    """Returns the entries of some codes, shape (N, 1), and notes the types of what it takes."""
    suffix, bits = f"_{number}" if number else "", tensor.bits
    signs = signs_of(np.arange(len(tensor.levels)), bits)
    rows, of_rows, made = bit_rows(tensor, signs, path, suffix, part)
    sources.update(made)
    # Converters transpose the weight of each Affine in place: each has one of its own.
    patterns = parameter(signs_of(np.arange(2**bits), bits), f"{path}_patterns{suffix}")
    threshold = parameter(np.full(2**bits, 1.0 - bits), f"{path}_threshold{suffix}")
    matches = F.affine(rows, patterns, threshold)
    chosen = F.relu(matches)
    kept = cut(chosen, part[1] - part[0], 0)
    types.update(of_rows)
    types.update(dict.fromkeys((patterns, threshold, matches, chosen, kept), "FIXED8_0"))
    return F.affine(kept, parameter(entries, f"{path}_dictionary{suffix}"))
