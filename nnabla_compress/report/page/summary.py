# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The numbers that a report begins with: what it was, and what it is now."""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from nnabla_compress.report.page.numbers import count, percent, short, signed, size, times
from nnabla_compress.report.results import NetworkResults, Results

_POINTS = 0.005  # of an accuracy, that are no loss


class Card(NamedTuple):
    """A number.

    Args:
        label: What it is.
        now: The number.
        before: What it was, "" if that is not known.
        change: The difference in words.
        look: "good", "bad", or "".
    """

    label: str
    now: str
    before: str = ""
    change: str = ""
    look: str = ""


def cards(results: Results) -> List[Card]:
    """Returns the numbers that there are.

    Args:
        results: What a run came to.
    """
    before, after = results.float, results.compressed
    now = after or before
    found = [_accuracy(results)]
    found += [
        _metric(name, before.metrics.get(name) if after else None, value)
        for name, value in now.metrics.items()
    ]
    packed = now.packed_weight_bytes
    found.append(
        _less("weights, packed", before.float_weight_bytes if after else None, packed, size)
    )
    sizes, old = now.sizes, before.sizes if after else None
    if sizes is not None:
        flash = sizes.float_nnb_bytes if old is None and after else getattr(old, "nnb_bytes", None)
        ram = (
            sizes.float_buffer_bytes
            if old is None and after
            else getattr(old, "buffer_bytes", None)
        )
        found.append(_less("flash (.nnb)", flash, sizes.nnb_bytes, size))
        found.append(_less("RAM (buffers)", ram, sizes.buffer_bytes, size))
    for label, name in (("operations (MAC)", "macs"), ("parameters", "parameters")):
        found.append(
            _less(label, getattr(before, name) if after else None, getattr(now, name), count)
        )
    return [card for card in found if card is not None]


def lead(results: Results) -> str:
    """Returns the report in a sentence.

    Args:
        results: What a run came to.
    """
    before, after = results.float, results.compressed
    if after is None:
        return "A float network, nothing compressed."
    parts = []
    if before.accuracy is not None and after.accuracy is not None:
        name = _name(results, after)
        lost = 100 * (after.accuracy - before.accuracy)
        parts.append(f"{name} {percent(after.accuracy)}, {signed(lost)} points against float")
    if after.packed_weight_bytes and before.float_weight_bytes:
        share = after.packed_weight_bytes / before.float_weight_bytes
        parts.append(f"weights in {percent(share, 1)} of their bytes")
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _name(results: Results, part: NetworkResults) -> str:
    return "agreement" if results.targets is not None else part.accuracy_name or "accuracy"


def _accuracy(results: Results) -> Optional[Card]:
    before, after = results.float, results.compressed
    now = after or before
    if now.accuracy is None:
        return None
    said = f"{_name(results, now)}, {now.samples or 0:,} samples"
    if after is None or before.accuracy is None:
        return Card(said, percent(now.accuracy))
    lost = before.accuracy - now.accuracy
    look = "bad" if lost > _POINTS else "good"
    change = f"{signed(-100 * lost)} points"
    return Card(said, percent(now.accuracy), percent(before.accuracy), change, look)


def _metric(name: str, before: Optional[float], now: float) -> Card:
    if before is None:
        return Card(name, short(now))
    return Card(name, short(now), short(before), "", "good" if now <= before else "bad")


def _less(label: str, before: Optional[float], now: Optional[float], say: object) -> Optional[Card]:
    if now is None:
        return None
    assert callable(say)
    if before is None:
        return Card(label, say(now))
    change = times(before, now)
    look = "bad" if now > before else "good" if now < before else ""
    return Card(label, say(now), say(before), change, look)
