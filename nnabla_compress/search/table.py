# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracies that somebody else found, in the place of an evaluation."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.search.space import Bits, Space


@dataclass(frozen=True)
class Table:
    """Accuracies of a network with several bits.

    Bits that are not in the table get the accuracy of the nearest that are: the least sum of
    differences of bits; of several the first of the table.

    Args:
        space: Layers, and the bits that the table has of each.
        accuracies: Accuracy by bits, in the order of the table.
        float_accuracy: That of the float network.
        nearest: Whether bits that are not there get the nearest; else they are refused.
    """

    space: Space
    accuracies: Dict[Bits, float]
    float_accuracy: float
    nearest: bool = True

    @staticmethod
    def read(path: Path, float_accuracy: float = 0.0, nearest: bool = True, **known: Any) -> Table:
        """Reads a CSV file: a column of bits for each layer, and last the accuracy.

        Args:
            path: The file.
            float_accuracy: That of the float network; 0: the largest of the table.
            nearest: Whether bits that are not there get the nearest.
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
        return Table(space, found, float_accuracy or max(found.values()), nearest)

    def __call__(self, bits: Bits) -> float:
        """Returns the accuracy as a part of the float network's.

        Args:
            bits: Bits of each layer.

        Raises:
            DataError: If they are not in the table and the nearest are not asked for.
        """
        if bits not in self.accuracies and not self.nearest:
            raise DataError(f"the table has no bits {' '.join(map(str, bits))}.")
        found = self.accuracies.get(bits)
        return (self._near(bits) if found is None else found) / self.float_accuracy

    def _near(self, bits: Bits) -> float:
        known, values = self._arrays()
        return float(values[np.abs(known - bits).sum(axis=1).argmin()])

    def _arrays(self) -> Tuple[np.ndarray, np.ndarray]:
        return np.array(list(self.accuracies)), np.array(list(self.accuracies.values()))
