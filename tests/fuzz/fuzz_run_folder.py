# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged run folders: recipes, results, checkpoints, parameters, exports; used by the verbs."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Dict, List

from tests.fuzz.byte_damage import damaged_archive, damaged_bytes, damaged_text
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.networks import samples, small
from tests.fuzz.reader import MEGABYTES, SECONDS, Reader

_RECIPE = """name: run
model: {nnp: %s}
data: {source: npz, path: %s}
compression:
  weights: lut:bits=2
  training: {epochs: 2, batch_size: 10, solver: Sgd}
"""


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Damages files of run folders until the budget is spent."""
    found = Findings(
        "run folders with a damaged file, used by evaluate, export, verify and run --resume within "
        f"{SECONDS} CPU seconds and {MEGABYTES} MB"
    )
    rng = random.Random(seed)
    reader = Reader("run")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        runs = _runs(work)
        for run in runs:
            for words in _uses(run):
                _used(found, reader, run, words, {}, folder)
        assert found.counts == {"read": found.tried}, (found.counts, found.faults)
        while not budget.is_spent(found.tried):
            run = rng.choice(runs)
            files = sorted(path for path in run.rglob("*") if path.is_file())
            name = str(rng.choice(files).relative_to(run))
            content = (run / name).read_bytes()
            damage = {name: _damaged(name, content, rng)}
            _used(found, reader, run, rng.choice(_uses(run)), damage, folder)
        reader.close()
    return found


def _damaged(name: str, content: bytes, rng: random.Random) -> bytes:
    if name.endswith((".nnp", ".npz")) and rng.random() < 0.7:
        return damaged_archive(content, rng, {".nntxt": damaged_text})
    if name.endswith((".yaml", ".json", ".txt", ".csv")) and rng.random() < 0.7:
        return damaged_text(content, rng)
    return damaged_bytes(content, rng)


def _used(
    found: Findings,
    reader: Reader,
    run: Path,
    words: List[str],
    damage: Dict[str, bytes],
    folder: Path,
) -> None:
    """Has a copy of a run folder used."""
    copy = run.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    for name, content in damage.items():
        (copy / name).write_bytes(content)
    told = [word.replace("RUN", str(copy)) for word in words]
    (copy / "words").write_text(json.dumps(told), "utf-8")
    said, why = reader(copy)
    found.tried += 1
    if said == "fault":
        for name, content in damage.items() or {"": b""}.items():
            found.fault(f"{' '.join(words)} with {name}: {why}", content, folder)
    else:
        found.count(said)


def _uses(run: Path) -> List[List[str]]:
    """Words of the command line; RUN stands for the folder."""
    uses = [
        ["evaluate", "RUN"],
        ["export", "RUN", "-o", "RUN/out"],
        ["verify", "RUN", "-n", "3"],
    ]
    resume = ["run", "-o", "RUN", "--resume"]
    return {"finished": [*uses, resume], "stopped": [resume], "ptq": uses}[run.name]


def _runs(work: Path) -> List[Path]:
    """A run that has finished, one that was stopped behind a checkpoint, one of ``ptq``."""
    from nnabla_compress.cli import group

    network, data = small(work / "net.nnp"), samples(work / "data.npz")
    recipe = work / "recipe.yaml"
    recipe.write_text(_RECIPE % (network, data), "utf-8")
    folders = [work / name for name in ("finished", "stopped", "ptq")]
    commands = [
        ["run", str(recipe), "-o", str(folders[0])],
        ["ptq", str(network), "--data", str(data), "-o", str(folders[2]), "--no-nnb"],
    ]
    for words in commands:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            group.main(args=words, standalone_mode=False)
    shutil.copytree(folders[0], folders[1])
    for name in ("compressed.h5", "results.json", "results.nnp", "results.nnb"):
        if (folders[1] / name).exists():
            (folders[1] / name).unlink()
    return folders
