# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writes the tables of README.md and docs/results.md from docs/results/*.json, and that of
docs/ptq.md from docs/results/ptq/*.json.

python tools/results_table.py            write
python tools/results_table.py --check    exit with 1 if a table is out of date
python tools/results_table.py --add RUN "COMMAND"    copy a run's results.json there first
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from nnabla_compress.runs.written import check_written

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md")
# What results.json holds for report.html only; tables don't need it, and it is long.
FOR_REPORTS = (
    *("course", "curves", "histograms", "ranges", "map_noise", "inputs", "changes", "memory"),
)
# The first line of a table; where it goes on, ", of NAME NAME", the table has only these.
BEGIN = re.compile(
    r"<!-- results: written by tools/results_table.py from docs/results/\*\.json(?:, of (.*?))? -->"
)
END = "<!-- end of results -->"
PTQ_PAGE = ROOT / "docs" / "ptq.md"


def percent(part: Dict[str, Any]) -> str:
    """Returns an accuracy as it is printed."""
    return f"{100 * part['accuracy']:.2f} %"


def row(result: Dict[str, Any]) -> List[str]:
    """Returns a line of the table."""
    compressed = result["compressed"]
    packed = compressed["packed_weight_bytes"]
    # Where weights went, or came, it is the network before that counts.
    plain = result["float"].get("float_weight_bytes", compressed["float_weight_bytes"])
    return [
        f"[{result['name']}](configs/{result['config']})",
        percent(result["float"]),
        percent(compressed),
        f"{plain:,}",
        f"{packed:,}",
        f"{packed / plain:.3f}",
        f"{result['seed']}, {result['date']}",
    ]


def table(prefix: str, names: Optional[Sequence[str]] = None) -> str:
    """Returns all results, or those of some names, as Markdown; links start with ``prefix``."""
    head = [
        "recipe",
        "float, test",
        "compressed, test",
        "weights, float bytes",
        "packed bytes",
        "ratio",
        "seed, date",
    ]
    results = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    results = [
        result
        for result in results
        if "config" in result and (names is None or result["name"] in names)
    ]
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"], *[row(r) for r in results]]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return text.replace("](configs/", f"]({prefix}configs/")


def ptq_table() -> str:
    """Returns the results of post-training quantization, with their steps, as Markdown."""
    head = ["network", "float, test", "quantized, test", "weight bytes", "packed bytes", "ratio"]
    head += ["samples", "seed, date"]
    lines, steps = [head, ["---", *["---:"] * (len(head) - 2), "---"]], []
    for path in sorted((RESULTS / "ptq").glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        shared = row({**result, "config": ""})[1:-1]
        date = f"{result['seed']}, {result['date']}"
        lines.append([result["name"], *shared, str(result["calibration_samples"]), date])
        kept = [
            f"{step['step']} {step['output_snr']:.1f} dB, {step['kl']:.2g}"
            + ("" if step["kept"] else " (taken back)")
            for step in result["steps"]
        ]
        steps.append(f"* `{result['command']}`\n  {'; '.join(kept)}.")
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    words = (
        "Commands, and with each step the signal-to-noise ratio and the divergence of the outputs:"
    )
    return f"{text}\n\n{words}\n\n" + "\n".join(steps)


def filled(page: Path) -> str:
    """Returns the text of a page with its table brought up to date."""
    before, rest = page.read_text("utf-8").split("<!-- results:")
    begin = BEGIN.match(f"<!-- results:{rest}")
    assert begin is not None, f"{page.name}: the first line of its table is another one"
    prefix = "" if page.parent == ROOT else "../"
    names = None if begin.group(1) is None else begin.group(1).split()
    text = ptq_table() if page == PTQ_PAGE else table(prefix, names)
    return f"{before}{begin.group()}\n\n{text}\n\n{END}{rest.split(END)[1]}"


def add(run: Path, command: str) -> None:
    """Copies the results of a run, with the command that made it, to docs/results.

    What is long and for reports only is left out. What they say to type names the folder that a run
    has by default, not where this one was.
    """
    check_written([run / "results.json"])
    text = (run / "results.json").read_text("utf-8")
    result = json.loads(text)
    for place in (run.resolve(), run):
        text = text.replace(f"{place}/", f"runs/{result['name']}/")
    result = json.loads(text)
    for part in (result, result["float"], result.get("compressed", {})):
        for key in FOR_REPORTS:
            part.pop(key, None)
    if "steps" in result:
        path = RESULTS / "ptq" / f"{result['name']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**result, "command": command}, indent=1) + "\n", "utf-8")
        return
    config = next((ROOT / "configs").rglob(f"{result['name']}.yaml"))
    result.update(command=command, config=str(config.relative_to(ROOT / "configs")))
    path = RESULTS / f"{result['name']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(arguments: List[str]) -> int:
    """Does what the arguments say and returns the exit status."""
    if arguments[:1] == ["--add"]:
        add(Path(arguments[1]), arguments[2])
    stale = [page for page in (*PAGES, PTQ_PAGE) if filled(page) != page.read_text("utf-8")]
    if arguments[:1] == ["--check"]:
        for page in stale:
            print(f"{page.name} is out of date: run python tools/results_table.py")
        return int(bool(stale))
    for page in stale:
        page.write_text(filled(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
