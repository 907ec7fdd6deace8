# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Locks of open files, and work where an operating system has none of POSIX."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnabla_compress import file_locks
from nnabla_compress.file_locks import flock
from tests.console.project import results_folder

# What Windows lacks, and that it neither renames nor removes a file that is open.
WINDOWS = """
import errno, os, pathlib, signal, sys, types
import h5py, matplotlib.pyplot, multiprocessing, nnabla, numba, scipy.stats
sys.modules["fcntl"] = None
locked = {}
def locking(handle, how, count):
    key = os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR)
    held = [other for other, name in locked.items() if name == key and other != handle]
    if any(os.path.exists(f"/proc/self/fd/{other}") for other in held):
        raise OSError(errno.EACCES, "locked")
    locked[handle] = key
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
for name in ("SIGALRM", "setitimer", "pthread_sigmask", "SIGKILL"):
    delattr(signal, name)
for name in ("getuid", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "pread", "pwrite"):
    delattr(os, name)
def opened():
    for each in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{each}")
        except OSError:
            pass
def guarded(own):
    def call(path, *more, **options):
        if options.get("dir_fd") is None and os.path.abspath(path) in set(opened()):
            raise PermissionError(errno.EACCES, "used by another process", str(path))
        return own(path, *more, **options)
    return call
for name in ("replace", "rename", "unlink", "remove"):
    setattr(os, name, guarded(getattr(os, name)))
pathlib.Path.unlink = lambda self, missing_ok=False: os.unlink(self)
own_open = os.open
def no_folders(path, flags, *more, **options):
    ours = sys._getframe(1).f_globals["__name__"].startswith("nnabla_compress")
    if ours and os.path.isdir(path):
        raise PermissionError(errno.EACCES, "a folder", str(path))
    return own_open(path, flags, *more, **options)
os.open = no_folders
os.kill = None
from nnabla_compress.cli import main
main(sys.argv[1:])
"""


def test_a_file_is_locked_once_and_shared_locks_are_shared(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    first, second = (os.open(tmp_path / "a", os.O_RDWR) for _ in range(2))
    try:
        assert flock(first) is True and flock(second) is False
        assert flock(first, shared=True) is True and flock(second, shared=True) is True
    finally:
        os.close(first)
        os.close(second)


def test_bytes_are_locked_where_files_can_not_be(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"")
    held = []

    class Bytes:
        LK_NBLCK = 2

        def locking(self, handle, how, count):
            if held:
                raise OSError(errno.EACCES, "Permission denied")
            held.append(os.lseek(handle, 0, os.SEEK_CUR))

    monkeypatch.setattr(file_locks, "_posix", None)
    monkeypatch.setattr(file_locks, "_windows", Bytes())
    with open(tmp_path / "a", "r+b") as file:
        assert flock(file.fileno()) is True and held[0] >= 1 << 30, "far from what is read"
        assert flock(file.fileno()) is False
        assert flock(file.fileno(), shared=True) is None
        monkeypatch.setattr(file_locks, "_windows", None)
        assert flock(file.fileno()) is None


@pytest.mark.long
def test_verbs_work_without_posix(tmp_path):
    results = results_folder(tmp_path / "results", samples=32)
    for words in (
        ["compress", results, "-w", "lut:bits=4", "--data", results / "training.csv", "-e", "1"],
        ["inspect", results],
        ["export", results, "-o", tmp_path / "exported", "--c"],
        ["console", "list"],
    ):
        result = subprocess.run(
            [sys.executable, "-c", WINDOWS, *map(str, words)],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1])),
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "results" / "results.nnb").is_file()
    left = [path.name for path in tmp_path.rglob("*") if ".nnc-" in path.name]
    assert not left and not list(tmp_path.rglob("*.lock"))
