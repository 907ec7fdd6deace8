# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A good file is never replaced by a half-written one, and failures are one clear message."""

from __future__ import annotations

import ast
import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress import files
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import atomic_path, json_text, writable_folder, write_error


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_the_file_appears_only_when_the_block_is_done_and_keeps_its_ending(tmp_path):
    target = tmp_path / "net.nnp"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".nnp"
        temporary.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["net.nnp"]


def test_missing_folders_are_made(tmp_path):
    with atomic_path(tmp_path / "a" / "b" / "c.txt") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_a_path_may_be_a_string(tmp_path):
    with atomic_path(str(tmp_path / "a.txt")) as temporary:
        temporary.write_text("x")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), DataError("x")])
def test_after_any_exception_the_old_file_stands_and_nothing_else_is_left(tmp_path, error):
    target = tmp_path / "net.h5"
    target.write_bytes(b"old")
    with pytest.raises(type(error)) as caught:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise error
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["net.h5"]


def test_a_file_gets_the_rights_that_a_plain_open_would_give(tmp_path):
    umask = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    target = tmp_path / "net.h5"
    target.write_bytes(b"old")
    with pytest.raises(ConfigError, match=r"net\.h5: the disk is full") as caught:
        with atomic_path(target) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"new")
    assert "free some space" in caught.value.help
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["net.h5"]


def test_a_disk_that_is_full_at_the_last_moment_leaves_the_old_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "net.h5"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="the disk is full"):
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["net.h5"]


@pytest.mark.parametrize("below", ["file/net.nnp", "file/deeper/net.nnp"])
def test_a_path_below_a_file_is_refused_with_the_path(tmp_path, below):
    (tmp_path / "file").write_text("I am a file")
    with pytest.raises(ConfigError, match="a part of the path is a file") as caught:
        with atomic_path(tmp_path / below):
            raise AssertionError("not reached")
    assert str(tmp_path / below) in caught.value.message
    assert (tmp_path / "file").read_text() == "I am a file"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="it is a folder"):
        with atomic_path(tmp_path):
            raise AssertionError("not reached")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs Linux's /proc")
def test_a_folder_that_takes_no_files_is_refused():
    with pytest.raises(ConfigError, match="can't write /proc/net.nnp"):
        with atomic_path("/proc/net.nnp"):
            raise AssertionError("not reached")
    with pytest.raises(ConfigError, match="can't write /proc/run"):
        writable_folder("/proc/run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        for use in (
            lambda: atomic_path(tmp_path / "a").__enter__(),
            lambda: writable_folder(tmp_path),
        ):
            with pytest.raises(ConfigError, match="permission denied"):
                use()
    finally:
        tmp_path.chmod(0o700)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    folder = writable_folder(str(tmp_path / "runs" / "one"))
    assert folder == tmp_path / "runs" / "one"
    assert names(folder) == []
    assert writable_folder(folder) == folder


def test_a_folder_whose_name_is_a_files_is_refused(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(ConfigError, match="a part of the path is a file"):
        writable_folder(tmp_path / "run")


@pytest.mark.parametrize(
    "number, words",
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "is a file"),
        (errno.EEXIST, "is a file"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_every_reason_has_words_and_a_way_out(number, words):
    error = write_error("out/net.nnp", OSError(number, os.strerror(number)))
    assert words in error.message and "out/net.nnp" in error.message
    assert error.help
    assert "odd failure" in write_error("x", OSError("odd failure")).message


def test_json_is_valid_whatever_the_numbers(tmp_path):
    content = {
        "loss": float("nan"), "snr": np.float32("inf"), "sizes": (np.int64(3), -np.inf),
        "codes": np.arange(2), "file": tmp_path, 1: True, "none": None,
    }  # fmt: skip
    files.write_json(tmp_path / "a.json", content)

    def refuse(word):
        raise AssertionError(word)

    found = json.loads((tmp_path / "a.json").read_text("utf-8"), parse_constant=refuse)
    assert found == {
        "loss": None, "snr": None, "sizes": [3, None], "codes": [0, 1], "file": str(tmp_path),
        "1": True, "none": None,
    }  # fmt: skip


def test_nothing_else_writes_json():
    package = Path(files.__file__).parent
    writers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("dump", "dumps")
        if isinstance(node.value, ast.Name) and node.value.id == "json"
    ]
    assert writers == ["files.py"]


def test_temporary_folders_of_killed_processes_go_and_those_in_use_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    old, young, other = (
        tmp_path / name for name in ("nnabla-compress-a", "nnabla-compress-b", "c")
    )
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "net.nnb").write_bytes(b"left")
    with files.temporary_folder() as used:
        for folder in (old, used, other):
            os.utime(folder, (0, 0))
        with files.temporary_folder() as second:
            assert names(tmp_path) == sorted(f.name for f in (young, other, used, second))
    assert names(tmp_path) == sorted([young.name, other.name])


def test_the_longest_name_that_a_file_can_have_is_written(tmp_path):
    target = tmp_path / ("w" * 251 + ".nnp")
    with atomic_path(target) as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    with pytest.raises(ConfigError, match="the name is too long"):
        with atomic_path(tmp_path / ("w" * 252 + ".nnp")) as temporary:
            temporary.write_text("x")


def test_lists_of_numbers_stand_in_one_line_where_that_is_asked_for():
    content = {"a": [1, 2.5, None, -3e-7], "b": ["[\n 1\n]", "2"], "c": [[1], []], "d": [[1, "x"]]}
    text = json_text(content, rows=True)
    assert json.loads(text) == content
    assert '"a": [ 1, 2.5, null, -3e-07 ]' in text and text.count("\n") > 10
