# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile ``.nnp`` files through the verbs that read one: one message, bounded memory.

They run in a process of its own whose memory is limited: it says what came of each file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.models.damaged import changed_text, good_members, write_members
from tests.properties import examples

# Runs a command line a line, and prints its exit status and what it said on stderr. The memory
# beyond what Python and NNabla take is limited to 1.5 GiB.
_SHELL = """
import contextlib, io, json, os, resource, sys
import nnabla_compress.cli as cli
import nnabla_compress.cli.compress, nnabla_compress.cli.inspect, nnabla_compress.cli.export
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**29, used + 3 * 2**29))
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            cli.main(json.loads(line))
    except SystemExit as stop:
        status = stop.code
    print("SAID", json.dumps([status, said.getvalue()]), flush=True)
"""


class Shell:
    """The process that runs commands."""

    def __init__(self, folder):
        environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
        environment.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
        environment.pop("NNABLA_COMPRESS_TRACEBACK", None)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SHELL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            text=True,
        )

    def __call__(self, *words):
        """Returns the exit status of a command and what it printed to stderr."""
        self._process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("SAID "):
                return tuple(json.loads(line[5:]))
        raise AssertionError(f"{words}: the process ended with {self._process.wait()}")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)


class Verbs:
    """All verbs on one file: the run to export was made when the file was good."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "net.nnp"
        self.members = good_members(self.path)
        self.shell = Shell(folder)
        status, said = self.shell("compress", "net.nnp", "-w", "lut:bits=2", "-o", "run")
        assert status == 0, said

    def __call__(self):
        """Returns what each verb says of the file as it is; a good one gives 0 and nothing."""
        said = [
            self.shell("inspect", "net.nnp"),
            self.shell("inspect", "net.nnp", "--json"),
            self.shell("compress", "net.nnp", "-w", "lut:bits=2", "--no-nnb", "-o", "new"),
            self.shell("export", "run", "--no-nnb", "-o", "exported"),
        ]
        for name in ("new", "exported"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        assert sorted(path.name for path in self.folder.iterdir()) == ["net.nnp", "run"]
        return said


@pytest.fixture(scope="module")
def verbs(tmp_path_factory):
    verbs = Verbs(tmp_path_factory.mktemp("damaged"))
    yield verbs
    verbs.shell.close()


_FUZZ = examples(
    10,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _each_has_one_message(said):
    for status, text in said:
        assert status in (0, 1) and "Traceback" not in text and "internal error" not in text, text
        assert status == 0 or ("Error: " in text and "\nhelp: " in text), text
        assert len(text) < 4000


def test_a_good_file_goes_through_all_verbs(verbs):
    write_members(verbs.path, verbs.members)
    assert [status for status, _ in verbs()] == [0, 0, 0, 0]


@_FUZZ
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere(verbs, part):
    content = write_members(verbs.path, verbs.members).read_bytes()
    verbs.path.write_bytes(content[: int(part * len(content))])
    said = verbs()
    _each_has_one_message(said)
    assert [status for status, _ in said] == [1, 1, 1, 1]
    assert all("net.nnp" in text for _, text in said)


@pytest.mark.long
@examples(20, _FUZZ)
@given(
    name=st.sampled_from(["network.nntxt", "parameter.h5"]),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=3),
    mask=st.integers(1, 255),
)
def test_flipped_bits_under_a_valid_checksum(verbs, name, places, mask):
    content = bytearray(verbs.members[name])
    for place in places:
        content[int(place * len(content))] ^= mask
    write_members(verbs.path, dict(verbs.members, **{name: bytes(content)}))
    _each_has_one_message(verbs())


@pytest.mark.long
@examples(30, _FUZZ)
@given(data=st.data())
def test_any_number_of_the_network_may_be_wrong(verbs, data):
    lines = verbs.members["network.nntxt"].decode().split("\n")
    numbers = [i for i, line in enumerate(lines) if line.split(": ")[-1].lstrip("-").isdigit()]
    for number in data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=2)):
        key = lines[number].split(": ")[0]
        values = [0, -1, 1, 3, 7, 2**10, 2**20, 2**31 - 1, 2**62, -(2**62)]
        lines[number] = f"{key}: {data.draw(st.sampled_from(values))}"
    content = "\n".join(lines).encode()
    write_members(verbs.path, dict(verbs.members, **{"network.nntxt": content}))
    _each_has_one_message(verbs())


@pytest.mark.parametrize(
    "old, new",
    [
        ("dim: 8", f"dim: {2**40}"),
        ("dim: 8", f"dim: {2**14}"),
        ("batch_size: 2", f"batch_size: {2**30}"),
        ("pad {\n        dim: 1", f"pad {{\n        dim: {2**30}"),
        ("pad {\n        dim: 1", f"pad {{\n        dim: {2**15}"),
        ("group: 2", "group: 0"),
        ("val: 0.5", "val: nan"),
        ("val: 0.5", "val: 1e39"),
        ('type: "ReLU"', 'type: "Rel"'),
        ('type: "ReLU"', 'type: "Sigmoid"'),
        ('output: "y"', 'output: "x"'),
    ],
)
def test_enormous_shapes_and_wrong_words(verbs, old, new):
    write_members(verbs.path, changed_text(verbs.members, old, new))
    _each_has_one_message(verbs())


@pytest.mark.parametrize(
    "name", ["../../evil.h5", "/evil.h5", "..\\evil.h5", "a/../../evil.nntxt", "\x1b[2J.h5"]
)
def test_member_names_are_never_paths(verbs, name):
    write_members(verbs.path, {**verbs.members, name: b"junk"})
    said = verbs()
    _each_has_one_message(said)
    assert [status for status, _ in said] == [1, 1, 1, 1]
    assert not any("\x1b" in text for _, text in said)
    assert not list(verbs.folder.parent.glob("evil*"))


@pytest.mark.parametrize("without", ["network.nntxt", "parameter.h5"])
def test_a_member_that_is_missing(verbs, without):
    members = {name: content for name, content in verbs.members.items() if name != without}
    write_members(verbs.path, members)
    said = verbs()
    _each_has_one_message(said)
    assert [status for status, _ in said] == [1, 1, 1, 1]


@pytest.mark.parametrize("verb", [["inspect"], ["compress", "-w", "lut:bits=4"], ["sensitivity"]])
def test_a_folder_a_text_and_nothing_at_all(verbs, verb):
    (verbs.folder / "run" / "text.nnp").write_text("no archive")
    (verbs.folder / "empty").mkdir(exist_ok=True)
    for name in ("empty", "run/text.nnp", "gone.nnp", "."):
        words = [verb[0], name, *verb[1:], "-o", "new"] if verb[0] != "inspect" else [*verb, name]
        if verb[0] == "sensitivity":
            words += ["--data", "digits"]
        status, text = verbs.shell(*words)
        _each_has_one_message([(status, text)])
        assert status == 1
        shutil.rmtree(verbs.folder / "new", ignore_errors=True)
