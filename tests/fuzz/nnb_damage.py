# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damages NNB files where it hurts: in sizes, offsets, shapes, arguments, numbers of variables."""

from __future__ import annotations

import random
import struct
from typing import Callable, Dict, List, Tuple

from nnabla_compress.nnb import NnbFile, to_bytes
from nnabla_compress.nnb.reader import HEADER
from nnabla_compress.nnb.writer import layout

WHERE = 16
"""Byte of a variable's record at which the number of its datum or buffer stands."""
DATA_SIZE = HEADER.size - 4
"""Byte of the header at which the size of the data area stands."""
SMALL = (0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 64, 127, 128, 255, 256)
LARGE = tuple(2**n + k for n in (12, 15, 16, 24, 27, 29, 30, 31, 32) for k in (-4, -1, 0, 1, 2**14))
WORDS = tuple(word % 2**32 for word in (*SMALL, *SMALL, *LARGE, 46341, -2, -3))


class Damage:
    """Makes damaged copies of a file.

    Args:
        network: The file.
    """

    def __init__(self, network: NnbFile) -> None:
        self.content = to_bytes(network)
        data, _ = layout(network)
        table = HEADER.size + 4 * len(data)
        offsets = struct.unpack_from(f"<{len(data)}I", self.content, HEADER.size)
        self.regions: Dict[str, List[Tuple[int, int]]] = {
            "header": [(0, HEADER.size)],
            "offsets": [(HEADER.size, 4 * len(data))],
        }
        for datum, offset in zip(data, offsets):
            if len(datum.content) >= 4:
                region = table + offset, len(datum.content) // 4 * 4
                self.regions.setdefault(datum.kind, []).append(region)
        self.ways: List[Callable[[bytearray, random.Random], object]] = [
            self.change_word,
            self.change_word,
            self.change_word,
            self.swap_words,
            self.change_byte,
            self.move_variable,
            self.move_variable,
            self.change_dimension,
            self.cut,
            self.move_datum,
        ]

    def copy(self, rng: random.Random) -> bytes:
        """Returns a copy with one to three damages."""
        damaged = bytearray(self.content)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if len(damaged) == len(self.content):
                rng.choice(self.ways)(damaged, rng)
        return bytes(damaged)

    def word(self, rng: random.Random, kind: str = "") -> int:
        """The position of a word; every kind of content is as likely as any other."""
        begin, length = rng.choice(self.regions[kind or rng.choice(sorted(self.regions))])
        return begin + 4 * rng.randrange(length // 4)

    def change_word(self, damaged: bytearray, rng: random.Random) -> None:
        at = self.word(rng)
        (old,) = struct.unpack_from("<I", damaged, at)
        near = (old + rng.choice((-4, -3, -2, -1, 1, 2, 3, 4)), old * 2, old // 2, old * 4, -old)
        flipped = old ^ 1 << rng.randrange(32)
        new = rng.choice((rng.choice(WORDS), rng.choice(near), flipped, rng.randrange(64)))
        struct.pack_into("<I", damaged, at, new % 2**32)

    def swap_words(self, damaged: bytearray, rng: random.Random) -> None:
        kind = rng.choice(sorted(self.regions))
        a, b = self.word(rng, kind), self.word(rng, kind)
        damaged[a : a + 4], damaged[b : b + 4] = damaged[b : b + 4], damaged[a : a + 4]

    def change_byte(self, damaged: bytearray, rng: random.Random) -> None:
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)

    def move_variable(self, damaged: bytearray, rng: random.Random) -> None:
        """Gives a variable the memory of another one, another buffer, or any datum."""
        records = self.regions["variable"]
        at, other = rng.choice(records)[0] + WHERE, rng.choice(records)[0] + WHERE
        (taken,) = struct.unpack_from("<i", damaged, other)
        count = self.regions["offsets"][0][1] // 4
        new = rng.choice((taken, -rng.randrange(1, 5), rng.randrange(count)))
        struct.pack_into("<i", damaged, at, new)

    def change_dimension(self, damaged: bytearray, rng: random.Random) -> None:
        """Replaces a number in all shapes, so that they still fit together."""
        (old,) = struct.unpack_from("<i", damaged, self.word(rng, "shape"))
        near = max(0, old + rng.choice((-1, 1, 2, old, -old // 2)))
        new = rng.choice((near, rng.choice(SMALL), rng.randrange(1, 300)))
        for begin, length in self.regions["shape"]:
            for at in range(begin, begin + length, 4):
                if struct.unpack_from("<i", damaged, at)[0] == old:
                    struct.pack_into("<I", damaged, at, new)

    def cut(self, damaged: bytearray, rng: random.Random) -> None:
        """Drops the end of the file, with or without telling the header; or adds bytes."""
        size = rng.randrange(len(damaged))
        lost = len(damaged) - size
        if rng.random() < 0.2:
            damaged.extend(bytes(rng.randrange(1, 65)))
            return
        del damaged[size:]
        if size >= HEADER.size and rng.random() < 0.7:
            (data,) = struct.unpack_from("<I", damaged, DATA_SIZE)
            struct.pack_into("<I", damaged, DATA_SIZE, max(0, data - lost))

    def move_datum(self, damaged: bytearray, rng: random.Random) -> None:
        """Lets a datum begin near the end, where another one does, or between two words."""
        (data,) = struct.unpack_from("<I", damaged, DATA_SIZE)
        (other,) = struct.unpack_from("<I", damaged, self.word(rng, "offsets"))
        new = rng.choice((data - rng.randrange(0, 33), other, other + rng.randrange(-4, 5)))
        struct.pack_into("<I", damaged, self.word(rng, "offsets"), new % 2**32)
