# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs all harnesses, or some: ``python -m tests.fuzz --minutes 5``.

A harness is a file ``fuzz_NAME.py`` in this folder with a function
``fuzz(budget: Budget, seed: int, folder: Path) -> Findings``. It damages files, has them read, and
writes what shows a fault into the folder. The time is shared out evenly. The exit status is 1 if
there were faults.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from nnabla_compress import __version__
from tests.fuzz.findings import Budget, Findings

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem[len("fuzz_") :] for path in FOLDER.glob("fuzz_*.py"))


def main() -> int:
    """Runs, prints and writes the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"harnesses: {', '.join(NAMES)}")
    parser.add_argument("--minutes", type=float, default=5.0, help="of all harnesses together")
    parser.add_argument("--files", type=int, default=0, help="try at least so many in each")
    parser.add_argument("--seed", type=int, default=0, help="other damages")
    parser.add_argument("--json", type=Path, help="add the counts to this file")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="for faults")
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    unknown = sorted({*names} - {*NAMES})
    if unknown:
        parser.error(f"there is no harness {unknown[0]}; there are {', '.join(NAMES)}")
    results = {}
    for name in names:
        budget = Budget(60 * arguments.minutes / len(names), arguments.files)
        harness = importlib.import_module(f"tests.fuzz.fuzz_{name}")
        found = harness.fuzz(budget, arguments.seed, arguments.findings / name)
        key = f"{name} on {found.on}" if found.on else name
        results[key] = entry(found, arguments)
        report(key, found)
    if arguments.json:
        before = json.loads(arguments.json.read_text("utf-8")) if arguments.json.is_file() else {}
        text = json.dumps({**before, **results}, indent=2, sort_keys=True)
        arguments.json.write_text(text + "\n", "utf-8")
    return int(any(result["faults"] for result in results.values()))


def entry(found: Findings, arguments: argparse.Namespace) -> dict:
    """What the JSON file says of a harness."""
    return {
        **asdict(found),
        "faults": len(found.faults),
        "command": " ".join(["python", "-m", "tests.fuzz", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "seed": arguments.seed,
        "versions": {"nnabla_compress": __version__, "python": platform.python_version()},
    }


def report(name: str, found: Findings) -> None:
    """Prints the counts of a harness."""
    print(f"{name}: {found.what}")
    if found.skipped:
        print(f"  skipped: {found.skipped}")
    rows = {"files tried": found.tried, **found.counts, "faults": len(found.faults)}
    for word, number in rows.items():
        print(f"  {number:>9,} {word}")
    for text in found.faults[:20]:
        print(f"  fault: {text}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
