# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Carrying searches for bits out: what they propose is evaluated by workers, each thing once."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Callable, Deque, Dict, List, Optional, Sequence, Union

from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.progress import counted
from nnabla_compress.search.memo import Memo
from nnabla_compress.search.space import Bits
from nnabla_compress.search.walk import Outcome, Walk, best_of
from nnabla_compress.workers import Failed, Workers, workers
from nnabla_compress.workers.interface import END, LATER, Signal, refuse_full_disk

# Reward of bits whose evaluation failed: that of a network that is worth nothing.
_WORST = -1.0


@dataclass(frozen=True)
class Explored:
    """What a search found.

    Args:
        best: The best outcome.
        outcomes: All that were evaluated or known, by bits, in the order of the proposals.
        asked: How many proposals there were, with those that were made before.
        evaluated: How many were evaluated now.
        failed: Messages by bits of those whose evaluation failed.
    """

    best: Outcome
    outcomes: Dict[Bits, Outcome]
    asked: int
    evaluated: int
    failed: Dict[Bits, str]


def explore(
    walks: Sequence[Walk],
    accuracy: Callable[[Bits], float],
    reward: Callable[[Bits, float], float],
    crew: Optional[Workers] = None,
    memo: Optional[Memo] = None,
    most: Optional[int] = None,
    refused: Callable[[Bits], Optional[float]] = lambda bits: None,
    in_turn: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Explored:
    """Carries walks out until all have ended.

    Several walks go on at the same time: while what one proposed is evaluated, another one decides.
    In turn, one after the other always in the same order, the same walks find the same, whatever
    the workers; else each goes on as soon as it can.

    Args:
        walks: The searches.
        accuracy: What bits come to, as a part of the float network's accuracy. Workers call it.
        reward: What the search is after, of bits and accuracy.
        crew: Who evaluates; None: this process.
        memo: What is known already; what is evaluated is added to it.
        most: Most different bits to evaluate or to take from the memo; None: any.
        refused: Reward of bits that are not worth an evaluation, None for all others.
        in_turn: Whether the walks take turns.
        tell: Called with a line for each candidate that failed.

    Returns:
        What was found.

    Raises:
        CompressError: If nothing could be evaluated.
        DiskFullError: If an evaluation failed for that: it is no matter of its bits.

    Example:
        >>> def both():
        ...     outcomes = yield [(2, 2), (4, 4)]
        >>> found = explore([both()], lambda bits: sum(bits) / 8, lambda bits, y: y)
        >>> found.best.bits, found.evaluated
        ((4, 4), 2)
    """
    total = 0 if most is None else most
    with counted("search", total) as at:
        exploration = _Exploration(walks, reward, memo or Memo(), most, refused, in_turn, tell, at)
        (crew or workers()).serve(accuracy, exploration.next, exploration.finished)
    return exploration.found()


class _Traveller:
    """A walk, and what it waits for."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.batch: List[Bits] = []
        self.begun = self.ended = False


class _Exploration:
    """The state of :func:`explore`."""

    def __init__(
        self,
        walks: Sequence[Walk],
        reward: Callable[[Bits, float], float],
        memo: Memo,
        most: Optional[int],
        refused: Callable[[Bits], Optional[float]],
        in_turn: bool,
        tell: Callable[[str], None],
        at: Callable[[int], None],
    ) -> None:
        self._travellers = deque(map(_Traveller, walks))
        self._reward, self._memo, self._most = reward, memo, most
        self._refused, self._in_turn, self._tell, self._at = refused, in_turn, tell, at
        self._queue: Deque[Bits] = deque()
        self._known: Dict[Bits, Outcome] = {}
        self._order: Dict[Bits, None] = {}
        self._given: List[Bits] = []
        self._failed: Dict[Bits, str] = {}
        self._asked = self._finished = 0
        self._full = False

    def next(self) -> Union[Bits, Signal]:
        """The next bits to evaluate, as of a source of tasks."""
        while not self._queue:
            traveller = self._ready()
            if traveller is None:
                return LATER if len(self._given) > self._finished else END
            self._go_on(traveller)
        self._given.append(self._queue.popleft())
        return self._given[-1]

    def finished(self, number: int, result: Union[float, Failed]) -> None:
        """Notes what came of bits."""
        refuse_full_disk(result)
        bits = self._given[number]
        self._finished += 1
        if not isinstance(result, Failed) and not math.isfinite(result):
            result = Failed(bits, f"the accuracy is {result}.", "look at the objective")
        if isinstance(result, Failed):
            self._failed[bits] = result.message
            self._tell(f"bits {' '.join(map(str, bits))} failed: {result.message}")
            self._known[bits] = Outcome(bits, None, _WORST)
        else:
            self._memo.add(bits, float(result))
            self._note(bits)
        self._at(len(self._known))

    def found(self) -> Explored:
        """What was found in the end."""
        outcomes = {bits: self._known[bits] for bits in self._order if bits in self._known}
        good = [each for each in outcomes.values() if each.accuracy is not None]
        if not good and self._failed:
            bits, message = next(iter(self._failed.items()))
            raise CompressError(
                f"search: no candidate could be evaluated; bits {' '.join(map(str, bits))}: "
                f"{message}",
                help="mend what failed; a smaller search shows it sooner",
            )
        if not good:
            raise ConfigError("search: it proposed nothing.", help="let it try more")
        return Explored(best_of(good), outcomes, self._asked, len(self._given), self._failed)

    def _ready(self) -> Optional[_Traveller]:
        """The walk that goes on now, None where none can."""
        for _ in range(len(self._travellers)):
            traveller = self._travellers[0]
            waits = any(bits not in self._known for bits in traveller.batch)
            if not waits and not self._full:
                return traveller
            if self._in_turn or self._full:
                return None
            self._travellers.rotate(-1)
        return None

    def _go_on(self, traveller: _Traveller) -> None:
        outcomes = [self._known[bits] for bits in traveller.batch]
        try:
            batch = traveller.walk.send(outcomes) if traveller.begun else next(traveller.walk)
        except StopIteration:
            self._travellers.remove(traveller)
            return
        traveller.begun, traveller.batch = True, batch
        self._asked += len(batch)
        self._travellers.rotate(-1)
        for bits in batch:
            self._take(bits)

    def _take(self, bits: Bits) -> None:
        """Has bits evaluated, unless they are known, were given before, or are refused."""
        if bits in self._order or bits in self._known:
            return
        reward = self._refused(bits)
        if reward is not None:
            self._known[bits] = Outcome(bits, None, reward)
        elif self._most is not None and len(self._order) >= self._most:
            self._full = True
        else:
            self._order[bits] = None
            if bits in self._memo.known:
                self._note(bits)
                self._at(len(self._known))
            else:
                self._queue.append(bits)

    def _note(self, bits: Bits) -> None:
        accuracy = self._memo.known[bits]
        self._known[bits] = Outcome(bits, accuracy, self._reward(bits, accuracy))
