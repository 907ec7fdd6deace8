# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Work for workers: what they import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from nnabla_compress.errors import ConfigError, FixedBatchError


def begun(script, *words):
    """Starts a script that finds what these tests find."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, script, *map(str, words)],
        env=environment,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


class Unpicklable:
    def __reduce__(self):
        raise TypeError("can't be sent")


def square(number):
    return number * number


def fragile(number):
    """Squares even numbers; odd ones fail in several ways."""
    if number == 1:
        raise ConfigError("1 is odd.", help="take 2")
    if number == 3:
        raise FixedBatchError("3 rows.", None, 3)
    if number == 5:
        return Unpicklable()
    if number == 7:
        raise SystemExit(2)
    return number * number


def deadly(task):
    """Kills its worker where the task says so: each time, or the first time only."""
    kind, path = task
    if kind == "always" or (kind == "once" and not Path(path).exists()):
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return kind


def nap(seconds):
    time.sleep(seconds)
    return seconds


def said(name):
    return os.environ.get(name)


def process(_):
    time.sleep(0.05)
    return os.getpid()


def interrupted_parent(seconds):
    """Sends Ctrl-C to whoever waits for it, and goes on for a while."""
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(seconds)
