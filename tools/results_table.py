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

import yaml

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
# The folder of a run, before the names of its files.
FOLDER = re.compile(r"[^\s\"']+/(?=results\.\w)")
PTQ_PAGE = ROOT / "docs" / "ptq.md"


def percent(part: Dict[str, Any]) -> str:
    """Returns an accuracy as it is printed."""
    return f"{100 * part['accuracy']:.2f} %"


def _drawn(values: Sequence[float], seeds: Sequence[int]) -> str:
    """Returns the mean of a measure in percent, and what it is by seed where there are several."""
    mean = f"{100 * sum(values) / len(values):.2f} %"
    if len(values) == 1:
        return mean
    by_seed = ", ".join(f"{seed}: {100 * value:.2f}" for seed, value in zip(seeds, values))
    return f"{mean} ({by_seed})"


def row(results: Sequence[Dict[str, Any]]) -> Dict[str, str]:
    """Returns a line of the table, by its heads: the runs of one recipe with several seeds."""
    first, seeds = results[0], [result["seed"] for result in results]
    parts = [result["compressed"] for result in results]
    packed = parts[0]["packed_weight_bytes"]
    # Where weights went, or came, it is the network before that counts.
    plain = first["float"].get("float_weight_bytes", parts[0]["float_weight_bytes"])
    lost = [r["float"]["accuracy"] - part["accuracy"] for r, part in zip(results, parts)]
    stored = [part["nnb_score"]["accuracy"] for part in parts if "nnb_score" in part]
    floats = [result["float"]["accuracy"] for result in results]
    return {
        "float, test": _drawn(floats, seeds) if len(set(floats)) > 1 else percent(first["float"]),
        "compressed, test": _drawn([part["accuracy"] for part in parts], seeds),
        "drop": f"{100 * sum(lost) / len(lost):.2f}",
        "the `.nnb`": _drawn(stored, seeds) if len(stored) == len(parts) else "",
        "weights, float bytes": f"{plain:,}",
        "packed bytes": f"{packed:,}",
        "ratio": f"{packed / plain:.3f}",
        "seed, date": f"{', '.join(map(str, seeds))}, {max(r['date'] for r in results)}",
    }


def _trained(result: Dict[str, Any]) -> Dict[str, str]:
    """Returns what the training of the compressed network was, by the heads of the table."""
    trainings = [result["training"]] if "training" in result else []
    steps = result.get("recipe_steps", [])
    begun = next((n for n, step in enumerate(steps) if step["step"] not in _FLOAT), len(steps))
    trainings += [step for step in steps[begun:] if "iterations" in step]
    recipe = yaml.safe_load((ROOT / "configs" / result["config"]).read_text("utf-8"))
    sizes = re.findall(r"'batch_size': (\d+)", str(recipe))
    updates = sum(training["iterations"] for training in trainings)
    seen = f"{updates * int(sizes[-1]):,}" if updates and sizes else ""
    epochs = [float(each) for each in re.findall(r"'epochs': ([\d.]+)", str(recipe))]
    epochs = epochs[-len(trainings) :] if trainings else []
    last = trainings[-1] if trainings else {}
    scores = [last.get(f"{name}_validation", {}).get("accuracy") for name in ("best", "last")]
    shown = " / ".join(f"{100 * score:.1f}" for score in scores if score is not None)
    return {
        "epochs": " + ".join(f"{each:g}" for each in epochs),
        "images seen": seen,
        "validation, best / last": shown,
    }


def _published(config: str) -> Dict[str, str]:
    """Returns by how much the accuracy fell in the paper of a recipe, which its comment tells."""
    text = (ROOT / "configs" / config).read_text("utf-8")
    found = _PAPER.search(text)
    lost = "" if found is None else f"{float(found.group(1)) - float(found.group(2)):.2f}"
    return {"drop, paper": lost}


# A comment such as "# paper:   8.59 % error (70 kB weights); float 7.29 %; 160 epochs".
_PAPER = re.compile(r"^# paper: +([\d.]+) % error .*; float ([\d.]+) %", re.MULTILINE)
HEADS = ("float, test", "compressed, test", "drop")
SIZE_HEADS = ("weights, float bytes", "packed bytes", "ratio", "seed, date")
TRAINING_HEADS = ("epochs", "images seen", "validation, best / last")
_FLOAT = ("train",)  # steps that leave a network float


def table(prefix: str, names: Optional[Sequence[str]] = None) -> str:
    """Returns all results, or those of some names, as Markdown; links start with ``prefix``."""
    heads = [*HEADS, *SIZE_HEADS]
    if names is None:
        heads = [
            *HEADS,
            "drop, paper",
            "the `.nnb`",
            *SIZE_HEADS[:-1],
            *TRAINING_HEADS,
            SIZE_HEADS[-1],
        ]
    runs: Dict[str, List[Dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        if "config" in result and (names is None or result["name"] in names):
            runs.setdefault(result["name"], []).append(result)
    lines = [["recipe", *heads], ["---", *["---:"] * (len(heads) - 1), "---"]]
    for name, results in runs.items():
        results.sort(key=lambda result: result["seed"])
        cells = row(results)
        if names is None:
            config = results[0]["config"]
            cells.update({**_trained(results[0]), **_published(config)})
        link = f"[{name}]({prefix}configs/{results[0]['config']})"
        lines.append([link, *(cells[head] for head in heads)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ptq_table() -> str:
    """Returns the results of post-training quantization, with their steps, as Markdown."""
    shown = [*HEADS, "the `.nnb`", *SIZE_HEADS[:-1]]
    head = ["network", *shown, "samples", "seed, date"]
    lines, steps = [head, ["---", *["---:"] * (len(head) - 2), "---"]], []
    for path in sorted((RESULTS / "ptq").glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        cells = row([result])
        shared = [cells[name] for name in shown]
        samples, date = str(result["calibration_samples"]), cells["seed, date"]
        lines.append([result["name"], *shared, samples, date])
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
    has by default, not where this one is, nor where it was before it was moved.
    """
    check_written([run / "results.json"])
    text = (run / "results.json").read_text("utf-8")
    folder = f"runs/{json.loads(text)['name']}/"
    for place in (run.resolve(), run):
        text = text.replace(f"{place}/", folder)
    result = json.loads(FOLDER.sub(folder, text))
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
    own = yaml.safe_load(config.read_text("utf-8")).get("seed", 0) == result["seed"]
    path = RESULTS / f"{result['name']}{'' if own else '-seed' + str(result['seed'])}.json"
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
