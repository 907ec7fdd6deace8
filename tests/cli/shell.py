# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Commands as a user types them, in a folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Iterator

import pytest

from nnabla_compress import cli


def call(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Carries a command out in a process of its own, which takes a second to start."""
    return subprocess.run(
        [sys.executable, "-m", "nnabla_compress", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]), **environment),
        timeout=240,
    )


def call_here(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """Carries a command out in this process: what stands between it and a shell is left out."""
    words, out, err = list(map(str, arguments)), io.StringIO(), io.StringIO()
    with _within(cwd), redirect_stdout(out), redirect_stderr(err):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
    return subprocess.CompletedProcess(words, int(left.value.code), out.getvalue(), err.getvalue())


def refused(result: subprocess.CompletedProcess, *words: str, status: int = 1) -> None:
    """Expects an error that a user can mend, and words of its message."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert "internal error" not in result.stderr
    for word in words:
        assert word in result.stderr


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
