# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What two classifiers answer to the same samples, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np


@dataclass(frozen=True)
class ClassChange:
    """What became of the samples of a class.

    Args:
        name: Name of the class.
        samples: How many there are.
        before: Part of them that the float network answers with their class.
        after: Likewise the compressed one.
        lost: Samples whose class only the float network finds.
        won: Samples whose class only the compressed one finds.
        taken_for: The class that most of the lost ones are taken for, "" if none is lost.
    """

    name: str
    samples: int
    before: float
    after: float
    lost: int
    won: int
    taken_for: str


@dataclass(frozen=True)
class Change:
    """A sample that the two networks answer differently.

    Args:
        row: Which sample, from 0.
        label: Its class; that of the float network's answer where there are no labels.
        before: What the float network answers.
        after: What the compressed one answers.
        sure_before: Probability that the float network gives its answer.
        sure_after: Probability that the compressed one gives its own.
    """

    row: int
    label: int
    before: int
    after: int
    sure_before: float
    sure_after: float

    @property
    def lost(self) -> bool:
        """Whether only the float network is right."""
        return self.before == self.label != self.after


class Changes:
    """The answers of two networks to the same samples.

    Args:
        before: What the float network gives, a value for each class, (N, classes).
        after: Likewise the compressed one.
        labels: The class of each sample, (N,); None: the float network's answers stand for them.
        names: Names of the classes; by default their numbers.

    Example:
        >>> before = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> after = np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 1.0]])
        >>> found = Changes(before, after, np.array([0, 1, 1]))
        >>> found.accuracy_before, round(found.accuracy_after, 4), found.changed()[0].row
        (1.0, 0.6667, 1)
    """

    def __init__(
        self,
        before: np.ndarray,
        after: np.ndarray,
        labels: Optional[np.ndarray] = None,
        names: Optional[Sequence[str]] = None,
    ) -> None:
        self.probabilities = probabilities(before), probabilities(after)
        self.before, self.after = (values.argmax(axis=1) for values in (before, after))
        self.labelled = labels is not None
        self.labels = self.before if labels is None else np.asarray(labels).reshape(-1)
        self.classes = before.shape[1]
        known = list(names or ())
        self.names = [str(known[c]) if c < len(known) else str(c) for c in range(self.classes)]

    @property
    def accuracy_before(self) -> float:
        """Part of the samples that the float network is right on; 1 where there are no labels."""
        return float((self.before == self.labels).mean())

    @property
    def accuracy_after(self) -> float:
        """Part of the samples that the compressed network is right on."""
        return float((self.after == self.labels).mean())

    @property
    def agreement(self) -> float:
        """Part of the samples that both networks answer alike."""
        return float((self.before == self.after).mean())

    def confusions(self) -> List[np.ndarray]:
        """Returns how many samples of each class got each answer, before and after.

        Returns:
            Two arrays (classes, classes): rows are labels, columns answers.
        """
        found = []
        for answers in (self.before, self.after):
            counts = np.zeros((self.classes, self.classes), np.int64)
            np.add.at(counts, (self.labels, answers), 1)
            found.append(counts)
        return found

    def by_class(self) -> List[ClassChange]:
        """Returns what became of each class that has samples, those that lost most first."""
        found = []
        for label in np.unique(self.labels):
            rows = self.labels == label
            right, still = self.before[rows] == label, self.after[rows] == label
            lost = self.after[rows][right & ~still]
            taken = int(np.bincount(lost).argmax()) if lost.size else -1
            found.append(
                ClassChange(
                    self.names[label],
                    int(rows.sum()),
                    float(right.mean()),
                    float(still.mean()),
                    int(lost.size),
                    int((still & ~right).sum()),
                    self.names[taken] if lost.size else "",
                )
            )
        return sorted(found, key=lambda each: each.after - each.before)

    def changed(self) -> List[Change]:
        """Returns the samples that changed their class, the surest losses first."""
        found = [self.of(int(row)) for row in np.flatnonzero(self.before != self.after)]
        return sorted(found, key=lambda each: (not each.lost, -each.sure_before, each.row))

    def most_doubted(self, most: int) -> List[Change]:
        """Returns the samples whose label lost most of its probability.

        Args:
            most: How many.
        """
        rows = np.arange(len(self.labels))
        before, after = (values[rows, self.labels] for values in self.probabilities)
        order = np.argsort(after - before, kind="stable")
        return [self.of(int(row)) for row in order[:most]]

    def of(self, row: int) -> Change:
        """Returns what became of a sample.

        Args:
            row: Which one.
        """
        answers = int(self.before[row]), int(self.after[row])
        sure = [float(values[row, c]) for values, c in zip(self.probabilities, answers)]
        return Change(row, int(self.labels[row]), *answers, *sure)

    def as_dict(self) -> Dict[str, Any]:
        """Returns all as JSON values; confusions as [label, answer, samples], without zeros."""
        confusions = [
            [[int(i), int(j), int(counts[i, j])] for i, j in np.argwhere(counts)]
            for counts in self.confusions()
        ]
        scores = {"accuracy_before": self.accuracy_before, "accuracy_after": self.accuracy_after}
        return {
            "samples": len(self.labels),
            "labelled": self.labelled,
            **(scores if self.labelled else {}),
            "agreement": self.agreement,
            "class_names": self.names,
            "classes": [vars(each) for each in self.by_class()],
            "confusion_before": confusions[0],
            "confusion_after": confusions[1],
            "changed": [vars(each) for each in self.changed()],
        }


def probabilities(values: np.ndarray) -> np.ndarray:
    """Returns the probability of each class.

    Args:
        values: Logits (N, classes), or probabilities, which stay.

    Example:
        >>> probabilities(np.array([[0.0, np.log(3.0)]])).round(3).tolist()
        [[0.25, 0.75]]
    """
    values = np.asarray(values, np.float64)
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return values
    grown = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))
