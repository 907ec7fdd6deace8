# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracies that somebody else found, in the place of an evaluation."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Literal, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.search.additive import AdditiveModel
from nnabla_compress.search.space import Bits, Space

Missing = Literal["nearest", "fewer", "modelled", "refused"]


@dataclass(frozen=True)
class Table:
    """Accuracies of a network with several bits.

    What bits get that are not in the table is a choice: the accuracy of the ``nearest`` that are,
    by the sum of differences of bits, of several the first of the table; the best accuracy of those
    with ``fewer`` bits or as many in each layer, 0 where there are none, which promises nothing
    that the table does not hold; what a sum over the layers says that is ``modelled`` on the table,
    at most the best of the table; or they are ``refused``.

    Args:
        space: Layers, and the bits that the table has of each.
        accuracies: Accuracy by bits, in the order of the table.
        float_accuracy: That of the float network.
        missing: What bits get that are not there.
    """

    space: Space
    accuracies: Dict[Bits, float]
    float_accuracy: float
    missing: Missing = "nearest"

    @staticmethod
    def read(
        path: Path, float_accuracy: float = 0.0, missing: Missing = "nearest", **known: Any
    ) -> Table:
        """Reads a CSV file: a column of bits for each layer, and last the accuracy.

        Args:
            path: The file.
            float_accuracy: That of the float network; 0: the largest of the table.
            missing: What bits get that are not there.
            known: What else is known of the layers, as of :class:`Space`.

        Raises:
            DataError: If the file is missing or is no such table.
        """
        try:
            with open(path, newline="", encoding="utf-8") as file:
                head, *rows = csv.reader(file)
            found = {tuple(map(int, row[:-1])): float(row[-1]) for row in rows}
            if any(len(bits) != len(head) - 1 for bits in found) or not found:
                raise ValueError("its rows are not all as long as its first one")
            if not all(map(np.isfinite, found.values())):
                raise ValueError("an accuracy is not a number")
        except OSError as error:
            raise DataError(f"can't read {path}: {error.strerror}.") from None
        except (ValueError, IndexError) as error:
            raise DataError(
                f"{path} is no table of accuracies ({error}).",
                help="a first line of names, then lines of bits, the accuracy last",
            ) from None
        choices = tuple(tuple(sorted(set(own))) for own in zip(*found))
        space = Space(tuple(head[:-1]), choices, **known)
        return Table(space, found, float_accuracy or max(found.values()), missing)

    def __call__(self, bits: Bits) -> float:
        """Returns the accuracy as a part of the float network's.

        Args:
            bits: Bits of each layer.

        Raises:
            DataError: If they are not in the table and such ones are refused.
        """
        found = self.accuracies.get(bits)
        if found is None:
            found = self._missing(bits)
        return found / self.float_accuracy

    @cached_property
    def model(self) -> AdditiveModel:
        """What is modelled on it."""
        accuracies = self.accuracies
        return AdditiveModel(self.space.choices, list(accuracies), list(accuracies.values()))

    def _missing(self, bits: Bits) -> float:
        known, values = self._arrays
        if self.missing == "modelled":
            return float(np.clip(self.model(bits), 0.0, values.max()))
        if self.missing == "nearest":
            return float(values[np.abs(known - bits).sum(axis=1).argmin()])
        if self.missing == "fewer":
            return float(values[(known <= bits).all(axis=1)].max(initial=0.0))
        raise DataError(f"the table has no bits {' '.join(map(str, bits))}.")

    @cached_property
    def _arrays(self) -> Tuple[np.ndarray, np.ndarray]:
        return np.array(list(self.accuracies)), np.array(list(self.accuracies.values()))
