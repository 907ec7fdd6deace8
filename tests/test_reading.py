# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Regular files are read, up to a limit; whatever else has a name is refused at once."""

from __future__ import annotations

import io
import os
import socket
import zipfile

import pytest
import yaml

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.reading import (
    TEXT_BYTES,
    check_regular,
    parse_json,
    parse_yaml,
    read_bytes,
    read_member,
    read_text,
)
from tests.fuzz.hostile import TEXTS


def test_a_file_is_read_up_to_the_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"1234")
    assert read_bytes(path, 4) == b"1234"
    with pytest.raises(DataError, match="has 4 bytes, the limit is 3"):
        read_bytes(path, 3)


def test_lines_end_as_in_python(tmp_path):
    path = tmp_path / "a"
    path.write_bytes("ä\r\nb\rc\n".encode())
    assert read_text(path) == path.read_text("utf-8") == "ä\nb\nc\n"


def test_pipes_sockets_devices_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("/dev/zero")
    kinds = {"pipe": "a pipe", "socket": "a socket", "link": "a device", ".": "a folder"}
    for name, kind in kinds.items():
        with pytest.raises(ConfigError, match=f"it is {kind}, not a file"):
            read_bytes(tmp_path / name, 10, ConfigError)
    check_regular(tmp_path, folders=True)
    check_regular(tmp_path / "none")


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_texts_that_stand_for_very_much_are_refused(name):
    content = TEXTS[name]().decode()
    if name in ("yaml_of_many_lines",):
        assert len(parse_yaml(content)["weights"]) == 90_000
        return
    with pytest.raises(yaml.YAMLError):
        parse_yaml(content)


def test_honest_aliases_are_read():
    text = "a: &rule {bits: 4}\nb: [*rule, *rule]\n"
    assert parse_yaml(text) == {"a": {"bits": 4}, "b": [{"bits": 4}, {"bits": 4}]}


def test_both_loaders_of_yaml_read_the_same(monkeypatch):
    text = "name: x\nlr: 1.0e-3\nbits: [1, 2]\non: true\nday: 2020-01-02\n"
    expected = yaml.safe_load(text)
    assert parse_yaml(text) == expected
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse_yaml(text) == expected


@pytest.mark.parametrize("text", [TEXT_BYTES // 8 * "[", "[" + 1000 * "9" + "]", "{"])
def test_texts_in_json_that_are_none(text):
    with pytest.raises(ValueError):
        parse_json(text)


def _archive(packing, content=b"x" * 10_000):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", packing) as archive:
        archive.writestr("a", content)
    return memory


def test_a_member_is_read_as_it_is_declared():
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(_archive(packing)) as archive:
            assert read_member(archive, "a") == b"x" * 10_000


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_without_a_bound_is_refused(packing):
    with zipfile.ZipFile(_archive(packing)) as archive:
        with pytest.raises(DataError, match="is packed by method"):
            read_member(archive, "a")
