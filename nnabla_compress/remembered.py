# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Answers about graphs that are asked for again soon, forgotten when a call ends.

Graphs do not change once they are built. What is remembered keeps a graph alive, so it is little.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Callable, Generic, Hashable, TypeVar

from nnabla_compress.turns import at_end, is_taken

_Answer = TypeVar("_Answer")


class Remembered(Generic[_Answer]):
    """The last answers to questions of one kind, while a call lasts that takes turns.

    Args:
        most: How many.

    Example:
        >>> from nnabla_compress.turns import exclusive
        >>> remembered = Remembered(most=1)
        >>> with exclusive():
        ...     [remembered.get("question", lambda: n) for n in (1, 2)]
        [1, 1]
        >>> [remembered.get("question", lambda: n) for n in (1, 2)]
        [1, 2]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        at_end(self._answers.clear)

    def get(self, question: Hashable, answer: Callable[[], _Answer]) -> _Answer:
        """Returns the answer to a question, found now or before.

        Args:
            question: What it depends on.
            answer: Finds it.
        """
        if not is_taken():
            return answer()
        try:
            found = self._answers.pop(question)
        except KeyError:
            found = answer()
        self._answers[question] = found
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return found
