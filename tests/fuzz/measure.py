# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What small files that ask for very much take in each verb: ``python -m tests.fuzz.measure``.

Prints a line for each file and verb, with CPU seconds, megabytes, and the message; at the end, how
many are out of bounds. Names of files and ``--verb VERB`` choose some.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple

from tests.fuzz.hostile import DATA, NETWORKS
from tests.fuzz.networks import samples, small
from tests.fuzz.reader import MEGABYTES, SECONDS

ROOT = Path(__file__).parents[2]
# NET and DATA stand for files; one of them is the one that asks for much.
VERBS: Dict[str, List[str]] = {
    "inspect": ["inspect", "NET"],
    "report": ["report", "NET", "-o", "report.html"],
    "compress": ["compress", "NET", "-w", "lut:bits=4", "-o", "out"],
    "ptq": ["ptq", "NET", "--data", "DATA", "-n", "32", "-o", "out"],
    "sensitivity": ["sensitivity", "NET", "--data", "DATA", "--samples", "32", "-o", "out"],
    "export": ["export", "NET", "-o", "out"],
    "verify": ["verify", "NET", "-n", "20"],
    "evaluate": ["evaluate", "NET", "--data", "DATA"],
}
_TIMES = 4  # of the bound, after which a process is ended


class Measured(NamedTuple):
    """What a verb took, and what it said last."""

    seconds: float
    megabytes: float
    status: int
    text: str

    @property
    def is_bounded(self) -> bool:
        """Whether it kept to the bounds and ended by itself."""
        fits = self.seconds <= SECONDS and self.megabytes <= MEGABYTES
        return fits and self.status in (0, 1) and "internal error" not in self.text


def measured(folder: Path, name: str, verb: str) -> Measured:
    """Carries a verb out on a file in a process of its own.

    Args:
        folder: Where files are made.
        name: Of the file, as in :mod:`tests.fuzz.hostile`.
        verb: A key of ``VERBS``.
    """
    paths = {"NET": folder / "net.nnp", "DATA": folder / "data.npz"}
    small(paths["NET"])
    samples(paths["DATA"])
    if name in NETWORKS:
        paths["NET"].write_bytes(NETWORKS[name]())
    else:
        paths["DATA"].write_bytes(DATA[name]())
    words = [str(paths.get(word, word)) for word in VERBS[verb]]

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (_TIMES * SECONDS, _TIMES * SECONDS))
        room = 2 * _TIMES * MEGABYTES * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (room, room))

    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    process = subprocess.Popen(
        [sys.executable, "-m", "nnabla_compress", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        preexec_fn=bounded,
    )
    assert process.stdout is not None
    text = process.stdout.read().decode("utf-8", "replace")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    lines = [line for line in text.splitlines() if "rror" in line] or text.splitlines()[-1:]
    seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    return Measured(seconds, megabytes, process.returncode, "".join(lines[:1])[:200])


def main() -> int:
    """Measures and prints; 1 if anything is out of bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of files; all by default")
    parser.add_argument("--verb", action="append", choices=sorted(VERBS), help="all by default")
    arguments = parser.parse_args()
    outside = tried = 0
    for name in arguments.names or [*NETWORKS, *DATA]:
        for verb in arguments.verb or list(VERBS):
            if name in DATA and "DATA" not in VERBS[verb]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                said = measured(Path(folder), name, verb)
            tried += 1
            outside += not said.is_bounded
            mark = " " if said.is_bounded else "!"
            print(
                f"{mark} {name:42.42} {verb:11} {said.seconds:5.1f} s {said.megabytes:5.0f} MB "
                f"{said.status:>3} {said.text[:120]}",
                flush=True,
            )
    print(f"{outside} of {tried} are out of {SECONDS} CPU seconds or {MEGABYTES} MB")
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main())
