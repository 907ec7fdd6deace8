# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bytes of a parameter that are made when they are written, a piece at a time.

The parameters of a large network are never in memory together: a file is planned from their
lengths, and each is computed when its turn comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Hashable, Iterable, Iterator, Sequence, Tuple, Union

PIECE = 1 << 20
"""How many numbers are worked on at a time."""


@dataclass(frozen=True, eq=False)
class Content:
    """Bytes that are made anew each time they are asked for.

    Two contents, or a content and bytes, are equal if their bytes are.

    Args:
        size: How many bytes.
        make: Returns them in pieces of any lengths.
        mark: Differs only where the bytes do; it spares most comparisons.

    Example:
        >>> content = Content(3, lambda: iter([b"a", b"bc"]))
        >>> len(content), bytes(content), content == b"abc"
        (3, b'abc', True)
    """

    size: int
    make: Callable[[], Iterable[Any]]
    mark: Hashable = None

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    def whole(self) -> memoryview:
        """Returns the bytes at once, without a second copy of them.

        Example:
            >>> Content(3, lambda: iter([b"a", b"bc"])).whole().tobytes()
            b'abc'
        """
        joined, at = memoryview(b""), 0
        for piece in self.pieces():
            if len(piece) == self.size:
                return piece
            joined = joined or memoryview(bytearray(self.size))
            joined[at : at + len(piece)] = piece
            at += len(piece)
        return joined

    def __hash__(self) -> int:
        return hash((self.size, self.mark))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, (Content, bytes, memoryview)) or len(other) != self.size:
            return False
        if isinstance(other, Content) and self.mark != other.mark:
            return False
        return all(first == second for first, second in _side_by_side(self, other))

    def pieces(self) -> Iterator[memoryview]:
        """Yields the bytes in pieces."""
        for piece in self.make():
            yield memoryview(piece).cast("B")


Data = Union[bytes, memoryview, Content]
"""The bytes of a parameter, there or to be made."""


def pieces(data: Data) -> Iterator[memoryview]:
    """Yields the bytes of a parameter in pieces.

    Example:
        >>> [bytes(piece) for piece in pieces(b"ab")]
        [b'ab']
    """
    return data.pieces() if isinstance(data, Content) else iter([memoryview(data)])


def _side_by_side(first: Data, second: Data) -> Iterator[Any]:
    """Yields pieces of equal lengths of two contents of one length."""
    sources, rests = (pieces(first), pieces(second)), [memoryview(b""), memoryview(b"")]
    while True:
        for number, source in enumerate(sources):
            while not rests[number]:
                following = next(source, None)
                if following is None:
                    return
                rests[number] = following
        length = min(map(len, rests))
        yield rests[0][:length], rests[1][:length]
        rests = [rest[length:] for rest in rests]


def blocks(shape: Sequence[int], most: int = PIECE) -> Iterator[Tuple[Any, ...]]:
    """Yields indices that cut an array, in C order, into parts of no more than so many elements.

    Args:
        shape: Shape of the array.
        most: Elements of a part.

    Example:
        >>> list(blocks((2, 3), 4))
        [(slice(0, 1, None),), (slice(1, 2, None),)]
    """
    if math.prod(shape) <= most:
        yield (Ellipsis,)
        return
    inner = math.prod(shape[1:])
    if inner > most:
        for number in range(shape[0]):
            yield from ((number, *rest) for rest in blocks(shape[1:], most))
        return
    step = most // inner
    yield from ((slice(at, min(at + step, shape[0])),) for at in range(0, shape[0], step))
