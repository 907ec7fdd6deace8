# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Who else writes to a folder is refused by name; a killed process holds nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.files import atomic_path, remove_stale, writable_folder
from nnabla_compress.locks import NAME, locked

_HOLDER = """
import sys, time
from nnabla_compress.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder ``run``."""
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1]))
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_refused_by_number_host_and_time(holder, tmp_path):
    with pytest.raises(ConfigError) as caught:
        with locked(tmp_path / "run"):
            raise AssertionError("not reached")
    host = re.escape(os.uname().nodename)
    words = rf"run is written to by process {holder.pid} on {host} since \d{{4}}-\d\d-\d\dT[\d:]+"
    assert re.search(words, caught.value.message)
    assert "remove" not in caught.value.help and "wait" in caught.value.help


def test_a_killed_process_holds_nothing_and_its_files_go(holder, tmp_path):
    folder = tmp_path / "run"
    (folder / ".net.nnc-a1b2c3d4.h5").write_bytes(b"half")
    (folder / ".other.h5").write_bytes(b"not ours")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (folder / NAME).exists()
    with locked(folder):
        assert sorted(path.name for path in folder.iterdir()) == [NAME, ".other.h5"]
    assert [path.name for path in folder.iterdir()] == [".other.h5"]


def test_one_process_takes_a_folder_once_and_again_after_that(tmp_path):
    with locked(tmp_path):
        with pytest.raises(ConfigError, match=f"process {os.getpid()} "):
            with locked(tmp_path):
                raise AssertionError("not reached")
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_shared_locks_bear_each_other_but_no_other(tmp_path):
    with locked(tmp_path, shared=True):
        with locked(tmp_path, shared=True):
            pass
        with pytest.raises(ConfigError, match="is written to by"):
            with locked(tmp_path):
                raise AssertionError("not reached")
    with locked(tmp_path):
        with pytest.raises(ConfigError, match="is written to by"):
            with locked(tmp_path, shared=True):
                raise AssertionError("not reached")
    assert list(tmp_path.iterdir()) == []


def test_folders_above_that_were_made_go_with_it(tmp_path):
    with locked(tmp_path / "runs" / "empty"):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "runs" / "kept") as folder:
        (folder / "file").touch()
    with locked(tmp_path / "runs" / "empty"):
        pass
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["kept"]


def test_a_folder_that_was_made_goes_again_if_it_stays_empty(tmp_path):
    with locked(tmp_path / "empty"):
        pass
    with locked(tmp_path / "full") as folder:
        (folder / "a").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def no_locks(handle, how):
    raise OSError(errno.ENOLCK, "No locks available")


def test_without_locks_of_the_file_system_the_record_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    host = os.uname().nodename
    (tmp_path / NAME).write_text(f'{{"process": {os.getpid()}, "host": "{host}"}}')
    with pytest.raises(ConfigError, match="is written to by process"):
        with locked(tmp_path):
            raise AssertionError("not reached")
    (tmp_path / NAME).write_text(f'{{"process": {2**30}, "host": "{host}"}}')
    (tmp_path / ".net.nnc-a1b2c3d4.h5").write_bytes(b"perhaps in use")
    with locked(tmp_path):
        assert (tmp_path / ".net.nnc-a1b2c3d4.h5").exists()


@pytest.mark.parametrize("record", ["", "[", "[1]", '{"process": "x"}', "\x00" * 9])
def test_a_record_that_says_nothing_is_no_obstacle(tmp_path, record):
    (tmp_path / NAME).write_text(record)
    with locked(tmp_path):
        with pytest.raises(ConfigError):
            with locked(tmp_path):
                raise AssertionError("not reached")


def test_temporary_files_in_use_stay(tmp_path):
    with atomic_path(tmp_path / "net.h5") as temporary:
        temporary.write_bytes(b"in use")
        remove_stale(tmp_path)
        assert temporary.exists()
    assert (tmp_path / "net.h5").read_bytes() == b"in use"


@pytest.mark.parametrize("write", [writable_folder, lambda path: atomic_path(path).__enter__()])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_was_renamed_is_not_made_again(tmp_path, write, replaced):
    folder = tmp_path / "run"
    with pytest.raises(ConfigError, match="renamed or removed") as caught:
        with locked(folder):
            folder.rename(tmp_path / "elsewhere")
            if replaced:
                folder.mkdir()
            write(folder / "part")
    assert "--resume" in caught.value.help
    assert folder.exists() == replaced and (tmp_path / "elsewhere").exists()


def test_a_folder_renamed_while_a_file_is_written_ends_with_that_error(tmp_path):
    with pytest.raises(ConfigError, match="renamed or removed"):
        with locked(tmp_path / "run") as folder, atomic_path(folder / "a.txt") as temporary:
            temporary.write_text("x")
            folder.rename(tmp_path / "elsewhere")
    assert not (tmp_path / "run").exists()
