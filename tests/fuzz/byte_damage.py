# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damages bytes, texts and archives of any kind."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
from typing import Callable, Dict, List, Mapping

WORDS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
NUMBERS = ("0", "-1", "1", "2", "7", "64", "1000000", "2147483647", "4611686018427387904", "1e38")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_@/][\w@/.]*")


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """A copy with one to four damages of bits, bytes, words, ranges or the end."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if len(made) < 16:
            return bytes(made)
        at = rng.randrange(len(made))
        kind = rng.randrange(9)
        if kind < 2:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            made[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif kind < 5:
            width, code = rng.choice(((4, "<I"), (8, "<Q"), (2, "<H")))
            at = min(at // width * width, len(made) - width)
            struct.pack_into(code, made, at, rng.choice(WORDS) % 2 ** (8 * width))
        elif kind == 5:
            del made[at : at + rng.choice((1, 4, 8, 64))]
        elif kind == 6:
            end = at + rng.choice((1, 4, 8, 64))
            made[at:at] = made[at:end] * rng.choice((1, 1, 50))
        elif kind == 7:
            other = rng.randrange(len(made))
            made[at : at + 8], made[other : other + 8] = (
                made[other : other + 8],
                made[at : at + 8],
            )
        else:
            del made[at:]
    return bytes(made)


def damaged_text(content: bytes, rng: random.Random) -> bytes:
    """A copy with other numbers or words, or lines that are lost, doubled or elsewhere."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.randrange(6)
        if kind < 3:
            found = list(_NUMBER.finditer(content))
            new = rng.choice(NUMBERS).encode()
        elif kind == 3:
            found = list(_WORD.finditer(content))
            new = rng.choice(found).group() if found else b""
        else:
            lines = content.split(b"\n")
            at = rng.randrange(len(lines))
            lines[at : at + 1] = rng.choice(([], 2 * [lines[at]], [rng.choice(lines)]))
            content = b"\n".join(lines)
            continue
        if found:
            place = rng.choice(found)
            content = content[: place.start()] + new + content[place.end() :]
    return content


def damaged_archive(
    content: bytes, rng: random.Random, ways: Mapping[str, Callable[[bytes, random.Random], bytes]]
) -> bytes:
    """A copy with a damaged member under valid checksums, or with damaged members' heads.

    Args:
        content: The archive.
        rng: What damages are drawn with.
        ways: How members are damaged, by the ending of their names; bytes by default.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members: Dict[str, bytes] = {name: archive.read(name) for name in archive.namelist()}
    kind = rng.randrange(10)
    if kind == 0:
        return damaged_bytes(content, rng)
    if kind == 1:  # the directory at the end, where flips do most
        start = content.index(b"PK\x01\x02")
        return content[:start] + damaged_bytes(content[start:], rng)
    name = rng.choice(sorted(members))
    if kind == 2:
        names: List[str] = sorted(members)
        other = rng.choice((rng.choice(names), "../" + name, name.upper(), "x" + name))
        members[other] = members.pop(name)
    else:
        way = next((way for ending, way in ways.items() if name.endswith(ending)), damaged_bytes)
        members[name] = way(members[name], rng)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as new:
        for key, values in members.items():
            new.writestr(key, values)
    return made.getvalue()
