# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A text that NNabla's readers ask for again is not parsed again."""

from __future__ import annotations

from google.protobuf import text_format
from nnabla.utils import get_file_handle, nnabla_pb2
from nnabla.utils.converter.nnabla import importer

from nnabla_compress.models.stored_text import parsed_once

TEXT = 'version: "0.1"\nnetwork { name: "n" batch_size: 3 }\n'


def test_both_readers_get_what_the_parser_gives_and_parse_it_once(monkeypatch):
    expected = text_format.Merge(TEXT, nnabla_pb2.NNablaProtoBuf())
    parsed = []
    own = text_format.Merge
    monkeypatch.setattr(text_format, "Merge", lambda *args: parsed.append(1) or own(*args))
    with parsed_once():
        for reader in (get_file_handle, importer, importer):
            proto = nnabla_pb2.NNablaProtoBuf()
            assert reader.text_format.Merge(TEXT, proto) == proto == expected
            assert reader.text_format.MessageToString is text_format.MessageToString
    assert len(parsed) <= 1
    assert get_file_handle.text_format is importer.text_format is text_format


def test_a_text_is_added_to_what_is_there():
    proto = nnabla_pb2.NNablaProtoBuf()
    with parsed_once():
        importer.text_format.Merge(TEXT, proto)
        importer.text_format.Merge('network { name: "m" }', proto)
    assert [network.name for network in proto.network] == ["n", "m"]
