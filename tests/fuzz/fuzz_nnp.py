# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged ``.nnp`` files: archives, texts, messages, HDF5; opened, built, described and run."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, List

from tests.fuzz.byte_damage import NUMBERS, damaged_archive, damaged_bytes, damaged_text
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.networks import archives
from tests.fuzz.reader import MEGABYTES, SECONDS, Reader, tried


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Damages files until the budget is spent."""
    found = Findings(
        f"damaged .nnp files, opened, built, described and run within {SECONDS} CPU seconds and "
        f"{MEGABYTES} MB"
    )
    rng = random.Random(seed)
    ways = {".nntxt": _text, ".h5": damaged_bytes, ".protobuf": _message}
    reader = Reader("nnp")
    with tempfile.TemporaryDirectory() as work:
        sources = archives(Path(work))
        for source in sources:
            tried(found, reader, "sound.nnp", source, Path(work), folder)
        while not budget.is_spent(found.tried):
            content = damaged_archive(rng.choice(sources), rng, ways)
            tried(found, reader, "damaged.nnp", content, Path(work), folder)
        reader.close()
    return found


def _text(content: bytes, rng: random.Random) -> bytes:
    """Damages a text as one, or as the message that it stands for."""
    if rng.random() < 0.5:
        return damaged_text(content, rng)
    from google.protobuf import text_format
    from nnabla.utils.nnabla_pb2 import NNablaProtoBuf

    message = text_format.Merge(content, NNablaProtoBuf())
    _change(message, rng)
    return bytes(text_format.MessageToString(message).encode())


def _message(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return damaged_bytes(content, rng)
    from nnabla.utils.nnabla_pb2 import NNablaProtoBuf

    message = NNablaProtoBuf.FromString(content)
    _change(message, rng)
    return bytes(message.SerializeToString())


def _change(message: Any, rng: random.Random) -> None:
    """Changes fields anywhere in a message: numbers, words, lists; loses and repeats parts."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        nodes: List[Any] = [message]
        for node in nodes:
            for field, value in node.ListFields():
                if field.message_type is not None:
                    nodes.extend(value if field.label == field.LABEL_REPEATED else [value])
        node = rng.choice(nodes)
        fields = node.ListFields()
        if not fields:
            continue
        field, value = rng.choice(fields)
        if field.label == field.LABEL_REPEATED:
            _change_list(field, value, rng)
            if field.name == "input":
                _cross(value, [n for n in nodes if n.DESCRIPTOR.name == "Variable"], rng)
        elif field.message_type is not None:
            node.ClearField(field.name)
        elif field.type == field.TYPE_STRING:
            setattr(node, field.name, rng.choice(("", "x", value + "x", "Affine", "r")))
        else:
            _assign(node, field.name, rng)


def _change_list(field: Any, value: Any, rng: random.Random) -> None:
    at, kind = rng.randrange(len(value)), rng.randrange(3)
    if field.message_type is not None:
        if kind == 0:
            del value[at]
        else:
            value.add().CopyFrom(value[at])
    elif kind == 0:
        del value[at]
    elif kind == 1:
        value.extend([value[at]] * rng.choice((1, 3, 40)))
    elif field.type != field.TYPE_STRING:
        copy = list(value)
        try:
            value[at] = type(copy[at])(float(rng.choice(NUMBERS)))
        except (ValueError, OverflowError):
            value[at] = copy[at]
    else:
        value[at] = rng.choice(list(value))


def _cross(inputs: Any, variables: List[Any], rng: random.Random) -> None:
    """Puts a variable of the network among the inputs of a function, or in the place of one."""
    if not (inputs and variables) or rng.random() < 0.5:
        return
    at, name = rng.randrange(len(inputs)), rng.choice(variables).name
    if rng.random() < 0.5:
        inputs[at] = name
    else:
        inputs.insert(at, name)


def _assign(node: Any, name: str, rng: random.Random) -> None:
    old = getattr(node, name)
    try:
        setattr(node, name, type(old)(float(rng.choice(NUMBERS))))
    except (ValueError, OverflowError):
        setattr(node, name, old)
