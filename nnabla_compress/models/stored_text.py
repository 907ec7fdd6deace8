# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Texts and messages of networks, looked over before they are parsed, and parsed once.

The parser of texts takes some microseconds a word, and an empty message takes a hundred times its
bytes as an object: what is counted first is what costs.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, Iterator, Tuple, Union

from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits, check_limit

_TOKENS = re.compile(rb"[\w.+-]+|[^\s\w.+-]|\n")
_BYTES_OF_A_TOKEN = 8
_PARAMETER = 200
"""Number of the field of a message ``NNablaProtoBuf`` that holds parameters."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def merge_text(content: bytes, proto: Any, limits: Limits, where: str) -> None:
    """Adds what a text says to a message.

    Args:
        content: The text.
        proto: A message ``NNablaProtoBuf``, which is changed.
        limits: Those of the file.
        where: What messages call the text.

    Raises:
        DataError: If it holds more words than the file may.
        google.protobuf.text_format.ParseError: If it is no such text.
    """
    # White space costs as well.
    check_limit(where, "has a text of {:,} bytes", len(content), _BYTES_OF_A_TOKEN * limits.tokens)
    tokens = sum(1 for _ in islice(_TOKENS.finditer(content), limits.tokens + 1))
    if tokens > limits.tokens:
        tokens = sum(1 for _ in _TOKENS.finditer(content))
    check_limit(where, "has a text of {:,} words and lines", tokens, limits.tokens)
    proto.MergeFromString(_parsed(content))


@lru_cache(maxsize=2)
def _parsed(content: bytes) -> bytes:
    """The message of a text: a verb reads the same file several times."""
    from google.protobuf import text_format
    from nnabla.utils import nnabla_pb2

    return bytes(text_format.Merge(content, nnabla_pb2.NNablaProtoBuf()).SerializeToString())


class _ParsedOnce:
    """The parser of texts as NNabla's readers call it."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def Merge(self, text: Union[str, bytes], proto: Any) -> Any:  # noqa: N802 - as protobuf has it
        proto.MergeFromString(_parsed(text.encode("utf-8") if isinstance(text, str) else text))
        return proto


@contextmanager
def parsed_once() -> Iterator[None]:
    """Lets NNabla's readers of files take what was parsed of the same text before."""
    from nnabla.utils import get_file_handle
    from nnabla.utils.converter.nnabla import importer

    own = get_file_handle.text_format, importer.text_format
    get_file_handle.text_format, importer.text_format = map(_ParsedOnce, own)
    try:
        yield
    finally:
        get_file_handle.text_format, importer.text_format = own


def merge_binary(content: bytes, proto: Any, limits: Limits, where: str) -> None:
    """Adds a binary message to another.

    Args:
        content: The bytes.
        proto: A message ``NNablaProtoBuf``, which is changed.
        limits: Those of the file.
        where: What messages call the bytes.

    Raises:
        DataError: If it holds more parameters than the file may hold functions, or more of other
            things, or is no such message.
    """
    parameters = others = 0
    for field, size in _fields(content, where):
        parameters += field == _PARAMETER
        others += size if field != _PARAMETER else 0
        check_limit(where, "has {:,} parameters", parameters, limits.functions)
        check_limit(where, "has {:,} bytes beside parameters", others, limits.tokens)
    proto.MergeFromString(content)


def _fields(content: bytes, where: str) -> Iterator[Tuple[int, int]]:
    """Numbers and bytes of the fields of a message, those within fields left out."""
    at = 0
    while at < len(content):
        start = at
        tag, at = _varint(content, at, where)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(content, at, where)
        elif kind == _LENGTH:
            size, at = _varint(content, at, where)
            at += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise _damaged(where)
        if at > len(content):
            raise _damaged(where)
        yield tag >> 3, at - start


def _varint(content: bytes, at: int, where: str) -> Tuple[int, int]:
    value = 0
    for count, byte in enumerate(content[at : at + 10]):
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value, at + count + 1
    raise _damaged(where)


def _damaged(where: str) -> DataError:
    return DataError(f"{where} is no protobuf message, or damaged.", help="get the file again")
