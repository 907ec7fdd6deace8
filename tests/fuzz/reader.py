# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A process that reads damaged files: its end, its time and its memory are what counts.

``READERS`` says what is done with a file. A file is read cleanly if that ends, or ends with an
error of the project, within the bounds on CPU time and memory.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from tests.fuzz.findings import Findings

SECONDS = 10
MEGABYTES = 500
_ROOM = 3 * 2**30
_PATIENCE = 600  # of the clock: other work may run beside


def read_nnp(path: Path) -> None:
    """Opens, builds and runs each network of a file, as the verbs do."""
    import nnabla as nn
    import numpy as np

    from nnabla_compress.errors import CompressError
    from nnabla_compress.exporters.converter_settings import carried_types
    from nnabla_compress.inspection import summary
    from nnabla_compress.models import NnpFile
    from nnabla_compress.report.network import summary_tables

    file = NnpFile(path)
    for name in file.names:
        with contextlib.suppress(CompressError), nn.parameter_scope("", {}):
            made = file.build(name, batch_size=1)
            for variable in made.inputs.values():
                variable.d = np.zeros(variable.shape)
            nn.forward_all(list(made.outputs.values()))
    list(summary_tables(summary(path)))
    carried_types(path)


def read_nnb(path: Path) -> None:
    """Reads a file, describes it, writes it again and runs it once in the simulator."""
    import numpy as np

    from nnabla_compress.nnb import read_nnb as read
    from nnabla_compress.nnb import to_bytes
    from nnabla_compress.nnb.summary import nnb_summary
    from nnabla_compress.simulator import Machine

    to_bytes(read(path))
    nnb_summary(path)
    machine = Machine(path)
    machine.forward([np.zeros(port.shape, port.dtype) for port in machine.inputs])


def read_data(path: Path) -> None:
    """Loads a data set."""
    from nnabla_compress import data

    if path.suffix == ".csv":
        data.load("csv", test=path)
    else:
        data.load("npz", path=path)


def use_run(folder: Path) -> None:
    """What can be done with a run folder; the file ``words`` in it says what."""
    from nnabla_compress.cli import group

    words = json.loads((folder / "words").read_text("utf-8"))
    (folder / "words").unlink()
    group.main(args=words, standalone_mode=False)


READERS: Dict[str, Callable[[Path], None]] = {
    "nnp": read_nnp,
    "nnb": read_nnb,
    "data": read_data,
    "run": use_run,
}


class Reader:
    """Starts the process again whenever it ended.

    Args:
        kind: A key of ``READERS``.
    """

    def __init__(self, kind: str) -> None:
        self._kind, self._process = kind, None

    def __call__(self, path: Path) -> Tuple[str, str]:
        """Returns what came of a file, ``"read"``, ``"refused"`` or ``"fault"``, and why."""
        if self._process is None:
            self._process = self._started()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write((json.dumps(str(path)) + "\n").encode())
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._process.kill()
            status = self._process.wait()
            self.close()
            if -status == signal.SIGPROF:
                return "fault", f"more than {2 * SECONDS} CPU seconds"
            return "fault", f"the process ended with {status}"
        said, why = json.loads(line)
        return said, why

    def _started(self) -> Any:
        environment = dict(os.environ, OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.reader", self._kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env=environment,
        )

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


def tried(
    found: Findings, reader: Reader, name: str, content: bytes, work: Path, folder: Path
) -> None:
    """Has a damaged file read, and counts what came of it."""
    path = work / name
    path.write_bytes(content)
    said, why = reader(path)
    found.tried += 1
    if said == "fault":
        found.fault(why, content, folder)
    else:
        found.count(said)


def main(kind: str) -> None:
    """Reads the files whose names come in, and says what came of each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warm_up(kind)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM, used + _ROOM))
    for line in sys.stdin:
        print(json.dumps(outcome(READERS[kind], Path(json.loads(line)))), file=answers, flush=True)


def warm_up(kind: str) -> None:
    """Imports what reading needs: that is no file's fault."""

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Exception):
        READERS[kind](Path(folder) / "none.nnp")


def outcome(read: Callable[[Path], None], path: Path) -> List[str]:
    """What came of a file: ``"read"``, ``"refused"`` or ``"fault"``, and why."""
    from nnabla_compress.errors import CompressError, unwrap

    reset_peak()
    before = resource.getrusage(resource.RUSAGE_SELF)
    # The signal ends the process: what hangs may hang outside Python.
    signal.setitimer(signal.ITIMER_PROF, max(1.0, 2 * SECONDS))
    said, why = "read", ""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            read(path)
    except SystemExit as stop:
        said, why = ("read", "") if not stop.code else ("refused", str(stop.code))
    except BaseException as error:
        known = unwrap(error)
        said = "refused" if isinstance(known, CompressError) else "fault"
        why = f"{type(known).__name__}: {known}"[:500]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if seconds > SECONDS:
        return ["fault", f"{seconds:.1f} CPU seconds, {why}"]
    if peak() > MEGABYTES:
        return ["fault", f"{peak():.0f} MB, {why}"]
    return [said, why]


def reset_peak() -> None:
    """Lets the count of the most memory begin again."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Most memory since it began, in megabytes."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main(sys.argv[1])
