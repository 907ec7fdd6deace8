# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged files with packed weights, on the C kernels under sanitizers.

``NNABLART_INCLUDE`` and ``NNABLART_LIB`` name headers and static libraries of a C runtime, which
must be compiled with ``-fsanitize=address``; without them the stand-in of the tests is used. Faults
inside the runtime are counted, but are not faults of the kernels.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, List, Tuple

from nnabla_compress.c_kernels import GLUE, KERNELS, source_folder
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.nnb_damage import Damage
from tests.fuzz.packed_networks import networks

DRIVER = Path(__file__).parent / "packed_driver.c"
STUB = Path(__file__).parents[1] / "c_kernels" / "stub_runtime"
FLAGS = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
OPTIONS = {
    "ASAN_OPTIONS": "exitcode=99:handle_abort=1:detect_leaks=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1",
}
MODES = ("exact", "fast")
OUTCOMES = ("ran", "refused at the start", "refused at the forward", "too large to be tried")
SLOW = (-9, -24)  # killed, or out of CPU time
OURS = (*KERNELS, *GLUE)
BATCH = 200


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Damages files until the budget is spent."""
    found = Findings("damaged files with packed weights, each with exact and with fast kernels")
    found.on = "a C runtime" if installed_runtime() else "the stand-in for the C runtime"
    gcc = shutil.which("gcc")
    if gcc is None:
        found.skipped = "gcc is not installed"
        return found
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as work:
        program = compiled(gcc, Path(work))
        sources = [Damage(file) for file in networks()]
        sound = [source.content for source in sources]
        for number, mode, outcome, log in outcomes(program, sound, Path(work)):
            if outcome != 0:
                found.fault(f"a sound file, {mode}: {outcome}\n{log}", sound[number], folder)
        while not budget.is_spent(found.tried):
            batch = [rng.choice(sources).copy(rng) for _ in range(BATCH)]
            for number, mode, outcome, log in outcomes(program, batch, Path(work)):
                judge(found, batch[number], mode, outcome, log, folder)
            found.tried += len(batch)
    return found


def judge(found: Findings, content: bytes, mode: str, outcome: int, log: str, folder: Path) -> None:
    """Counts what became of a file in a mode."""
    if 0 <= outcome < len(OUTCOMES):
        found.count(f"{mode}: {OUTCOMES[outcome]}")
    elif outcome in SLOW:
        found.count(f"{mode}: slow")
    elif is_of_the_runtime(log):
        found.count(f"{mode}: faults inside the runtime")
    else:
        found.fault(f"{mode}: {outcome}\n{log[:3000]}", content, folder)


def installed_runtime() -> List[str]:
    """What a compiler wants for the C runtime that the environment names, if it does."""
    include, library = (os.environ.get(f"NNABLART_{name}") for name in ("INCLUDE", "LIB"))
    if not include or not library:
        return []
    names = ("libnnablart_runtime.a", "libnnablart_functions.a")
    return [f"-I{include}", *(str(next(Path(library).rglob(name))) for name in names)]


def compiled(gcc: str, folder: Path) -> Path:
    """The driver with the kernels and a runtime."""
    runtime = installed_runtime() or [f"-I{STUB}", str(STUB / "runtime.c")]
    sources = [DRIVER, *(source_folder() / name for name in (*GLUE, *KERNELS))]
    program = folder / "packed_driver"
    command = [gcc, "-w", *FLAGS.split(), f"-I{source_folder()}", "-o", str(program)]
    files = [str(path) for path in sources if path.suffix == ".c"]
    subprocess.run([*command, *files, *runtime, "-lm"], check=True)
    return program


def outcomes(program: Path, batch: List[bytes], work: Path) -> Iterator[Tuple[int, str, int, str]]:
    """Number, mode, outcome and log of every file and mode."""
    path, logs = work / "batch", work / "logs"
    path.write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in batch))
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()
    command = [str(program), str(path), str(logs)]
    environment = {**os.environ, **OPTIONS}
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    for line in run.stdout.splitlines():
        number, mode, outcome = map(int, line.split())
        log = logs / f"{number}_{mode}"
        text = log.read_text("utf-8", "replace") if log.is_file() else ""
        yield number, MODES[mode], outcome, text


def is_of_the_runtime(log: str) -> bool:
    """Whether the innermost frame with a source file, but for the sanitizer's, is the runtime's.

    After a jump to where there is no code, the frame that jumped is missing.
    """
    frames = re.findall(r"^\s+#\d+ .* in .* (\S+\.[ch]):\d+", log, re.M)
    names = [Path(path).name for path in frames if not re.search("sanitizer|sysdeps", path)]
    if re.search(r"^\s+#0 \S+  \(<unknown module>\)", log, re.M):
        return names[:1] == [DRIVER.name]
    return bool(names) and names[0] not in (*OURS, DRIVER.name)
