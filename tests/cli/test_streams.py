# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Standard streams that are full, closed, or left by their reader; encodings without a letter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest
from nnabla.utils.save import save

from nnabla_compress.cli.streams import OutputError, Streams

NAMES = "全結合", "é\u202e"
RUN = f"{sys.executable} -m nnabla_compress"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams")
    nn.clear_parameters()
    x = nn.Variable((1, 6))
    y = PF.affine(PF.affine(x, 8, name=NAMES[0]), 3, name=NAMES[1])
    network = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    executor = {"name": "run", "network": "net", "data": ["x"], "output": ["y"]}
    save(str(path / "net.nnp"), {"networks": [network], "executors": [executor]})
    return path


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command.replace("RUN", RUN)],
        capture_output=True,
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]), **environment),
        timeout=120,
    )


@pytest.mark.parametrize(
    "command, status, said",
    [
        ("RUN inspect net.nnp >/dev/full", 1, "can't write to standard output: No space left"),
        ("RUN inspect net.nnp 2>/dev/full", 0, ""),
        ("RUN inspect net.nnp | head -c 1; exit ${PIPESTATUS[0]}", (0, 141), ""),
        ("(sleep 0.2; RUN inspect net.nnp; echo $? >status) | true; exit $(<status)", 141, ""),
        ("RUN --help >/dev/full", 1, "can't write to standard output"),
        ("(sleep 0.2; RUN inspect --help; echo $? >status) | true; exit $(<status)", 141, ""),
        ("RUN inspect net.nnp >&-", 0, ""),
        ("RUN inspect net.nnp --json 2>&- <&-", 0, ""),
    ],
)
def test_each_has_one_message_and_the_status_that_is_usual(folder, command, status, said):
    done = shell(command, folder)
    error = done.stderr.decode()
    assert done.returncode in (status if isinstance(status, tuple) else (status,)), error
    assert "Traceback" not in error and "internal" not in error and "ignored" not in error
    assert said in error and (said or not error)


def test_files_are_whole_where_no_stream_is_there(folder):
    assert shell("RUN export net.nnp -o silent >&- 2>&- <&-", folder).returncode == 0
    assert sorted(file.name for file in (folder / "silent").iterdir()) == ["net.nnb", "net.nnp"]
    assert (folder / "silent" / "net.nnb").read_bytes()[:4] == b"\x03\x00\x00\x00"


@pytest.mark.long
@pytest.mark.parametrize(
    "environment, shown",
    [
        ({"PYTHONIOENCODING": "ascii"}, b"\\u5168\\u7d50\\u5408/affine"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"\\xe9 /affine"),
        ({"LC_ALL": "C.UTF-8", "COLUMNS": "1", "TERM": "dumb"}, "全結合".encode()),
    ],
)
def test_letters_that_an_encoding_lacks_are_spelled_out(folder, environment, shown):
    done = shell("RUN inspect net.nnp", folder, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert shown in done.stdout and "\u202e".encode() not in done.stdout


def test_a_working_folder_that_is_gone_is_said_once(folder):
    command = "mkdir gone; cd gone; rmdir ../gone; RUN VERB"
    for verb in (f"inspect {folder}/net.nnp", f"compress {folder}/net.nnp -w lut:bits=4"):
        done = shell(command.replace("VERB", verb), folder)
        assert done.returncode == 1
        assert done.stderr.decode().startswith("ConfigError: the working folder is gone")
        assert done.stderr.count(b"\n") == 2
    assert shell(command.replace("VERB", "inspect --help"), folder).returncode == 0


def test_what_output_does_not_take_is_told_from_errors_of_files(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    before = os.dup(1)
    try:
        os.dup2(write, 1)
        with open(1, "w", closefd=False) as plain:
            monkeypatch.setattr(sys, "stdout", plain)
            with Streams() as streams:
                with pytest.raises(OutputError) as refused:
                    print("x", flush=True)
                streams.drop_output()
            assert refused.value.reader_left and sys.stdout is plain
    finally:
        os.dup2(before, 1)
        for number in (before, write):
            os.close(number)
