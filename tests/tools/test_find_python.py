# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""tools/find_python.sh picks a CPython 3.8 to 3.10 that really works, or says why it found none.

The script runs in a subprocess on a made-up machine: a PATH, a home and a pyenv that hold
executables which claim to be one Python or another, or fail as real ones do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Tuple

import pytest

FINDER = Path(__file__).resolve().parents[2] / "tools" / "find_python.sh"


def write_executable(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return path


def fake_python(path: Path, version: Tuple[int, int, int], changes: str = "pass") -> Path:
    """An executable that runs this Python, changed so that it takes itself for the given one."""
    program = (
        "import sys; "
        f"sys.version_info = {version!r}; sys.executable = {str(path)!r}; "
        f"sys.prefix = sys.base_prefix; {changes}; "
        "exec(sys.argv[-1])"
    )
    return write_executable(path, f'exec "{sys.executable}" -c "{program}" "$@"\n')


class Machine:
    """A computer with nothing on its PATH but a shell's usual tools."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "first bin"
        self.other_bin = root / "other"
        self.home = root / "home"
        tools = root / "tools"
        for folder in (self.bin, self.other_bin, self.home, tools):
            folder.mkdir()
        for tool in ("sh", "sed", "awk", "sort", "ls", "tr", "cat"):
            real = next(
                folder / tool
                for folder in (Path("/bin"), Path("/usr/bin"))
                if (folder / tool).exists()
            )
            (tools / tool).symlink_to(real)
        self.environment = {
            "PATH": os.pathsep.join(map(str, (self.bin, self.other_bin, tools))),
            "HOME": str(self.home),
        }

    def find(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(FINDER)],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def finds(self, **environment: str) -> str:
        found = self.find(**environment)
        assert found.returncode == 0, found.stderr
        return found.stdout.rstrip("\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_suitable_version_on_the_path_is_chosen(machine: Machine) -> None:
    fake_python(machine.bin / "python3.8", (3, 8, 18))
    fake_python(machine.bin / "python3.9", (3, 9, 18))
    newest = fake_python(machine.other_bin / "python3.10", (3, 10, 13))
    fake_python(machine.bin / "python3", (3, 11, 7))
    assert machine.finds() == str(newest)


def test_a_shim_that_fails_is_passed_over_for_a_good_one_behind_it(machine: Machine) -> None:
    write_executable(machine.bin / "python3.10", "echo 'pyenv: command not found' >&2; exit 127\n")
    good = fake_python(machine.other_bin / "python3.10", (3, 10, 4))
    assert machine.finds() == str(good)


def test_an_older_version_that_runs_is_better_than_a_newer_that_does_not(machine: Machine) -> None:
    write_executable(machine.bin / "python3.10", "exit 127\n")
    older = fake_python(machine.bin / "python3.8", (3, 8, 18))
    assert machine.finds() == str(older)


def test_plain_python3_is_taken_if_it_is_in_the_range(machine: Machine) -> None:
    python3 = fake_python(machine.bin / "python3", (3, 9, 2))
    assert machine.finds() == str(python3)


def test_an_inactive_pyenv_version_is_found_where_python3_is_too_new(machine: Machine) -> None:
    shim = "echo 'pyenv: python3.10: command not found' >&2; exit 127\n"
    write_executable(machine.bin / "python3.10", shim)
    fake_python(machine.bin / "python3", (3, 11, 7))
    root = machine.root / "my pyenv"
    for patch in (4, 13):
        name = f"3.10.{patch}"
        fake_python(root / "versions" / name / "bin" / "python", (3, 10, patch))
    fake_python(root / "versions" / "3.11.7" / "bin" / "python", (3, 11, 7))
    expected = root / "versions" / "3.10.13" / "bin" / "python"
    assert machine.finds(PYENV_ROOT=str(root)) == str(expected)


def test_pyenv_in_the_home_folder_is_found_without_its_variable(machine: Machine) -> None:
    python = machine.home / ".pyenv" / "versions" / "3.9.18" / "bin" / "python"
    fake_python(python, (3, 9, 18))
    assert machine.finds() == str(python)


def test_a_linked_real_interpreter_in_pyenv_is_taken(machine: Machine) -> None:
    name = "{}.{}.{}".format(*sys.version_info[:3])
    link = machine.root / "pyenv" / "versions" / name / "bin" / "python"
    link.parent.mkdir(parents=True)
    base = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info[:2])
    link.symlink_to(base)
    found = machine.finds(PYENV_ROOT=str(machine.root / "pyenv"))
    assert os.path.realpath(found) == os.path.realpath(str(base))


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs to run in a virtual environment")
def test_an_active_environment_is_replaced_by_the_python_it_was_made_from(machine: Machine) -> None:
    found = machine.finds(PYTHON=sys.executable)
    assert not found.startswith(sys.prefix + os.sep)
    assert found.startswith(sys.base_prefix + os.sep)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ("sys.implementation.name = 'pypy'", "is pypy, not CPython"),
        ("sys.maxsize = 2 ** 31 - 1", "is a 32-bit Python"),
        ("sys.modules['ensurepip'] = None", "sudo apt install python3.10-venv"),
    ],
)
def test_a_python_that_cannot_be_used_is_passed_over_and_the_reason_given(
    machine: Machine, changes: str, reason: str
) -> None:
    bad = fake_python(machine.bin / "python3.10", (3, 10, 13), changes)
    alone = machine.find()
    assert alone.returncode == 1
    assert f"{bad}: " in alone.stderr and reason in alone.stderr
    good = fake_python(machine.bin / "python3.9", (3, 9, 18))
    assert machine.finds() == str(good)


def test_uv_brings_a_python_when_there_is_no_other(machine: Machine) -> None:
    brought = machine.root / "uv python" / "python3.10"
    prepared = fake_python(machine.root / "prepared", (3, 10, 19))
    prepared.write_text(prepared.read_text().replace(str(prepared), str(brought)))
    write_executable(
        machine.bin / "uv",
        f"""case "$*" in
            "python find --system 3.10") [ -x "{brought}" ] && echo "{brought}" ;;
            "python install 3.10") mkdir -p "{brought.parent}" && cp "{prepared}" "{brought}" ;;
            *) exit 2 ;;
        esac
        """.replace("mkdir", "/bin/mkdir").replace("&& cp", "&& /bin/cp"),
    )
    fake_python(machine.bin / "python3", (3, 12, 1))
    found = machine.find()
    assert found.stdout == f"{brought}\n", found.stderr
    assert "asking uv for 3.10" in found.stderr


def test_uv_is_not_asked_when_the_machine_has_a_python(machine: Machine) -> None:
    asked = machine.root / "asked"
    write_executable(machine.bin / "uv", f'echo "$*" >>"{asked}"\n')
    python = fake_python(machine.bin / "python3.8", (3, 8, 18))
    assert machine.finds() == str(python)
    assert not asked.exists()


def test_the_message_says_what_was_looked_at_and_what_to_do(machine: Machine) -> None:
    shim = write_executable(
        machine.bin / "python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127\n"
    )
    python3 = fake_python(machine.bin / "python3", (3, 11, 7))
    fake_python(machine.home / ".pyenv" / "versions" / "3.12.1" / "bin" / "python", (3, 12, 1))
    write_executable(machine.bin / "uv", "echo 'error: no network' >&2; exit 2\n")
    found = machine.find()
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("no CPython") and "error: no suitable Python" in found.stderr
    for line in (
        f"{shim}: does not run (pyenv: python3.10: command not found)",
        f"{python3}: is Python 3.11",
        f"pyenv in {machine.home}/.pyenv: has 3.12.1",
        "error: no network",
        "uv: could not bring Python 3.10 (its message is above)",
        "help: do one of these",
    ):
        assert line in found.stderr


def test_a_machine_with_nothing_gets_the_message_too(machine: Machine) -> None:
    found = machine.find()
    assert found.returncode == 1
    assert "uv: not installed" in found.stderr


def test_the_python_given_is_used_even_if_another_is_newer(machine: Machine) -> None:
    fake_python(machine.bin / "python3.10", (3, 10, 13))
    given = fake_python(machine.root / "my own python", (3, 8, 1))
    assert machine.finds(PYTHON=str(given)) == str(given)
    by_name = fake_python(machine.other_bin / "python3.9", (3, 9, 1))
    assert machine.finds(PYTHON="python3.9") == str(by_name)


@pytest.mark.parametrize(
    ("given", "reason"),
    [("python3.12", "is Python 3.12"), ("/nowhere/python", "/nowhere/python: no such command")],
)
def test_an_unsuitable_python_that_was_given_is_refused_not_replaced(
    machine: Machine, given: str, reason: str
) -> None:
    fake_python(machine.bin / "python3.10", (3, 10, 13))
    fake_python(machine.bin / "python3.12", (3, 12, 1))
    found = machine.find(PYTHON=given)
    assert found.returncode == 1
    assert f"PYTHON={given} will not do" in found.stderr
    assert reason in found.stderr
