# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""tools/setup_venv.sh installs once, again when it must, and mends an environment left half-made.

It runs on a copy in a folder whose name has a space, with an executable in the place of Python that
notes what `venv` and `pip` are asked for, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-m venv")
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && : >"$3/pyvenv.cfg" && echo "venv" >>"{log}"
        ;;
    "-m pip")
        if [ "$3" = --version ]; then exit 0; fi
        echo "pip $3" >>"{log}"
        exit $(cat "{status}")
        ;;
    --version*) echo "Python {version}" ;;
    *)
        exec "{python}" -c "import sys; sys.version_info = ({numbers}, 0); sys.executable = '$0'
sys.prefix = sys.base_prefix; exec(sys.argv[-1])" "$@"
        ;;
esac
"""


class Project:
    """A copy of what the set-up needs, and the log of what it did."""

    def __init__(self, root: Path) -> None:
        self.root = root / "a project"
        self.log = root / "log"
        self.pip_status = root / "status"
        self.pip_status.write_text("0")
        (self.root / "tools").mkdir(parents=True)
        for name in ("find_python.sh", "setup_venv.sh"):
            shutil.copy(str(TOOLS / name), str(self.root / "tools" / name))
        (self.root / "setup.py").write_text("first\n")
        self.python = self.fake_python(root / "python3.10", "3.10")

    def fake_python(self, path: Path, version: str) -> Path:
        path.write_text(
            FAKE_PYTHON.format(
                log=self.log,
                status=self.pip_status,
                version=version,
                numbers=version.replace(".", ", "),
                python=sys.executable,
            )
        )
        path.chmod(0o755)
        return path

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.root / "tools" / "setup_venv.sh")],
            env={**os.environ, "PYTHON": str(self.python), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def does(self, **environment: str) -> List[str]:
        """Set up, which must succeed; return what was done."""
        self.log.write_text("")
        done = self.set_up(**environment)
        assert done.returncode == 0, done.stderr
        return self.log.read_text().splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_second_time_nothing_is_done(project: Project) -> None:
    assert project.does() == ["venv", "pip install"]
    assert project.does() == []


def test_a_changed_setup_py_is_installed_into_the_same_environment(project: Project) -> None:
    project.does()
    (project.root / "setup.py").write_text("second\n")
    assert project.does() == ["pip install"]
    assert project.does() == []


def test_a_project_that_moved_is_installed_again(project: Project) -> None:
    project.does()
    moved = project.root.with_name("moved")
    project.root.rename(moved)
    project.root = moved
    assert project.does() == ["pip install"]


def test_an_interrupted_installation_is_begun_anew(project: Project) -> None:
    project.does()
    (project.root / ".venv" / ".nnabla-compress-unfinished").write_text("")
    (project.root / ".venv" / "rubbish").write_text("")
    assert project.does() == ["venv", "pip install"]
    assert not (project.root / ".venv" / "rubbish").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(project: Project) -> None:
    project.does()
    (project.root / ".venv" / "bin" / "python").unlink()
    assert project.does() == ["venv", "pip install"]


def test_an_environment_of_a_python_too_new_is_made_anew(project: Project) -> None:
    project.does()
    project.fake_python(project.root / ".venv" / "bin" / "python", "3.11")
    done = project.set_up()
    assert done.returncode == 0
    assert (
        "making .venv anew: its Python does not run or is not a CPython 3.8 to 3.10" in done.stdout
    )


def test_asking_for_another_python_makes_the_environment_anew(
    project: Project, tmp_path: Path
) -> None:
    project.does()
    older = project.fake_python(tmp_path / "older", "3.8")
    assert project.does(PYTHON=str(older)) == ["venv", "pip install"]
    assert project.does(PYTHON=str(older)) == []


def test_an_environment_that_somebody_made_by_hand_is_kept_and_completed(project: Project) -> None:
    project.does()
    (project.root / ".venv" / ".nnabla-compress-installed").unlink()
    assert project.does() == ["pip install"]


def test_a_failing_pip_is_reported_with_what_to_do_and_tried_again(project: Project) -> None:
    project.pip_status.write_text("1")
    failed = project.set_up()
    assert failed.returncode == 1
    assert "error: pip could not install" in failed.stderr
    assert "help: - without a network" in failed.stderr
    project.pip_status.write_text("0")
    assert project.does() == ["venv", "pip install"]


def test_a_failing_pip_does_not_cost_an_environment_that_worked(project: Project) -> None:
    project.does()
    (project.root / "setup.py").write_text("second\n")
    project.pip_status.write_text("1")
    assert project.set_up().returncode == 1
    project.pip_status.write_text("0")
    assert project.does() == ["pip install"]


def test_without_a_python_the_message_of_the_search_is_shown(project: Project) -> None:
    failed = project.set_up(PYTHON="/nowhere/python")
    assert failed.returncode == 1
    assert "PYTHON=/nowhere/python will not do" in failed.stderr
    assert not (project.root / ".venv").exists()
