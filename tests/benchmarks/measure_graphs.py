# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Trains graph networks layer by layer and as a whole: accuracy, epochs, memory, time.

    python tests/benchmarks/measure_graphs.py accuracy --json docs/results/graphs.json
    python tests/benchmarks/measure_graphs.py stopping --json docs/results/graphs.json
    python tests/benchmarks/measure_graphs.py quantized --json docs/results/graphs.json
    python tests/benchmarks/measure_graphs.py memory --json docs/results/graphs.json

Each takes its part of the file's place. Seconds are those of the processor. Memory is that of a
process of its own: by how much it grew at most in the training, and the bytes of all arrays of the
graph that is trained. NNABLA_COMPRESS_DATA names the folder of the data.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.data import DataSet, NodeGraph, Preprocessing, Split, load
from nnabla_compress.graph.network import Network
from nnabla_compress.models import build
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.step import step_of
from nnabla_compress.runs import Run
from nnabla_compress.training import Trainer, TrainingSettings, set_seed

SEEDS = 5
GRAPHS = ("cora", "citeseer")
SETTINGS = {"epochs": 80, "solver": "Adam", "learning_rate": 0.005, "schedule": "constant"}
QUANTIZED = {"lut 4 bit": "lut:bits=4", "dq 4 bit": "uniform:bits=4,step=pow2,learn=qmax"}
Row = Dict[str, Any]


def recipe(graph: str, seed: int, layers: int = 2, **changes: Any) -> Recipe:
    """The recipe of one run."""
    training = {"batch_size": 256, **SETTINGS, **changes.pop("training", {})}
    return Recipe.checked(
        {
            "name": graph,
            "seed": seed,
            "model": {"name": "graph_convolution", "options": {"layers": layers, "hidden": 16}},
            "data": {
                "source": "graph",
                "path": f"$NNABLA_COMPRESS_DATA/graph/{graph}.npz",
                "setting": changes.pop("setting", "inductive"),
            },
            "steps": changes.pop("steps", [{"layerwise": training}]),
            "export": {"nnb": changes.pop("nnb", False)},
        }
    )


def done(what: Recipe) -> Tuple[Any, float]:
    """The results of a run, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        results = Run(what, Path(folder) / "run", Path(".")).execute(
            lambda name, total: lambda done, total, values: None
        )
        return results, time.process_time() - start


def of_seeds(said: Row, recipe_of: Callable[[int], Recipe], seeds: int = SEEDS) -> Row:
    """A row: mean and deviation of the accuracy over seeds, epochs, seconds."""
    found = [done(recipe_of(seed)) for seed in range(seeds)]
    accuracies = [100 * results.float.accuracy for results, _ in found]
    row = {
        **said,
        "accuracy": round(float(np.mean(accuracies)), 2),
        "deviation": round(float(np.std(accuracies, ddof=1)), 2),
        "accuracies": [round(a, 1) for a in accuracies],
        "epochs": [results.recipe_steps[0].get("epochs") for results, _ in found],
        "seconds_a_run": round(float(np.mean([seconds for _, seconds in found])), 1),
    }
    compressed = [results.compressed for results, _ in found if results.compressed is not None]
    if compressed:
        row["compressed"] = round(100 * float(np.mean([each.accuracy for each in compressed])), 2)
        row["compressed_accuracies"] = [round(100 * each.accuracy, 1) for each in compressed]
        row["weight_bytes"] = compressed[0].packed_weight_bytes
        row["float_weight_bytes"] = compressed[0].float_weight_bytes
        row["nnb_bytes"] = compressed[0].sizes.nnb_bytes
    print(json.dumps(row), flush=True)
    return row


def accuracy() -> List[Row]:
    """Layer by layer, inductive with one to three layers and transductive; and as a whole.

    What the last epoch gives, as in the authors' program.
    """
    rows = []
    last = {"keep": "last"}
    for graph in GRAPHS:
        for layers in (1, 2, 3):
            said = {"graph": graph, "setting": "inductive", "layers": layers, "how": "layerwise"}
            rows.append(
                of_seeds(said, lambda seed, g=graph, n=layers: recipe(g, seed, n, training=last))
            )
        said = {"graph": graph, "setting": "transductive", "layers": 2, "how": "layerwise"}
        small = {"setting": "transductive", "training": {"batch_size": 64, **last}}
        rows.append(of_seeds(said, lambda seed, g=graph, s=small: recipe(g, seed, **s)))
        nodes = {"cora": 1208, "citeseer": 1812}[graph]
        whole = {**SETTINGS, **last, "batch_size": nodes, "learning_rate": 0.01}
        said = {"graph": graph, "setting": "inductive", "layers": 2, "how": "as a whole"}
        steps = [{"train": whole}]
        rows.append(of_seeds(said, lambda seed, g=graph, s=steps: recipe(g, seed, steps=s)))
    return rows


def stopping() -> List[Row]:
    """The rules of stopping beside all epochs."""
    rows = []
    rules = {"all": None, "plateau": "plateau", "controller": "controller"}
    rules["controller, no least"] = {"controller": {"least": 0}}
    for graph in GRAPHS:
        for name, rule in rules.items():
            training = {"training": {"stop": rule}}
            said = {"graph": graph, "layers": 2, "stop": name}
            seeds = 2 if name == "controller, no least" else SEEDS
            rows.append(
                of_seeds(said, lambda seed, g=graph, t=training: recipe(g, seed, **t), seeds)
            )
    return rows


def quantized() -> List[Row]:
    """Weights of 4 bit, trained layer by layer once more."""
    rows = []
    for graph in GRAPHS:
        for name, rule in QUANTIZED.items():
            first = {"batch_size": 256, **SETTINGS}
            again = {**first, "epochs": 20, "learning_rate": 0.001}
            steps = [{"layerwise": first}, {"quantize": {"weights": rule}}, {"layerwise": again}]
            said = {"graph": graph, "layers": 2, "weights": name}
            more = {"steps": steps, "nnb": True}
            rows.append(of_seeds(said, lambda seed, g=graph, m=more: recipe(g, seed, **m)))
    return rows


def made_up(nodes: int = 20000, features: int = 64, classes: int = 8) -> DataSet:
    """A random graph with ten links a node, to see how memory grows."""
    rng = np.random.RandomState(0)
    y = rng.randint(0, classes, nodes).astype(np.int32)
    x = (rng.randn(nodes, features) + 2 * np.eye(features)[y]).astype(np.float32)
    ends = rng.randint(0, nodes, (5 * nodes, 2))
    graph = NodeGraph.checked(x, ends[ends[:, 0] != ends[:, 1]], "made up")
    train = Split(np.arange(nodes, dtype=np.float32)[:, np.newaxis], y)
    return replace(DataSet.checked("made up", classes, train), graph=graph)


class Course:
    """As much of a run as a training layer by layer looks at."""

    def __init__(self, data: DataSet, options: Row, folder: Path) -> None:
        self.data, self.options, self.folder, self.seed = data, options, folder, 0
        self.bytes: List[int] = []

    def build(self, x: nn.Variable, test: bool) -> nn.Variable:
        """The network on numbers of nodes."""
        graph = self.data.graph
        return build("graph_convolution", x, self.data.n_classes, test, graph, **self.options)

    def network(self, test: bool = True) -> Network:
        """The same as a value."""
        x = nn.Variable((1, 1))
        return Network({"x": x}, {"y": self.build(x, test)})

    def train_part(self, part: str, how: Any, data: DataSet, settings: Any, rule: Any) -> Row:
        """Trains, and notes the bytes of the graph."""
        trainer = Trainer(how, data, settings, self.folder / part, Preprocessing())
        self.bytes.append(bytes_of(trainer.objective))
        trainer.run()
        return {}


def bytes_of(objective: nn.Variable) -> int:
    """Bytes of all values and gradients of a graph, each array once."""
    arrays: Dict[Any, int] = {}

    def add(function: Any) -> None:
        for variable in (*function.inputs, *function.outputs):
            arrays[variable.data] = 4 * variable.size * (1 + bool(variable.need_grad))

    objective.visit(add)
    return sum(arrays.values())


def one_of_memory(how: str, layers: int, graph: str) -> Row:
    """What one training takes, in this process."""
    if graph == "made up":
        data, hidden, epochs = made_up(), 128, 3
    else:
        path = f"$NNABLA_COMPRESS_DATA/graph/{graph}.npz"
        data, hidden, epochs = load("graph", path=path), 16, 80
        data = replace(data, validation=None)
    nodes = len(data.split("train"))
    size = nodes if how == "as a whole" else 256
    settings = TrainingSettings(**{**SETTINGS, "epochs": epochs, "batch_size": size})
    set_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        course = Course(data, {"layers": layers, "hidden": hidden}, Path(folder))
        course.network()
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        start = time.process_time()
        if how == "as a whole":
            course.train_part("whole", course.build, data, settings, None)
        else:
            step = step_of({"layerwise": {"settings": settings}})
            step.run(course)  # type: ignore[arg-type]
        seconds = time.process_time() - start
    return {
        "graph": graph,
        "how": how,
        "layers": layers,
        "hidden": hidden,
        "epochs_of_each": epochs,
        "grew_kB": resident("VmHWM") - before,
        "largest_graph_kB": round(max(course.bytes) / 1000),
        "seconds": round(seconds, 2),
    }


def resident(key: str) -> int:
    """A number of kB that the system knows of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def memory() -> List[Row]:
    """Both ways of training with one to four layers, each in a process of its own."""
    rows = []
    for graph in ("cora", "made up"):
        for how in ("layerwise", "as a whole"):
            for layers in (1, 2, 3, 4):
                command = [sys.executable, __file__, "one", "--row", f"{how},{layers},{graph}"]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                rows.append(json.loads(said.splitlines()[-1]))
                print(json.dumps(rows[-1]), flush=True)
    return rows


PARTS = {"accuracy": accuracy, "stopping": stopping, "quantized": quantized, "memory": memory}


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=[*PARTS, "one"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--row", default="")
    asked = parser.parse_args()
    if asked.part == "one":
        how, layers, graph = asked.row.split(",")
        print(json.dumps(one_of_memory(how, int(layers), graph)))
        return
    rows = PARTS[asked.part]()
    if asked.json is None:
        return
    found = json.loads(asked.json.read_text()) if asked.json.exists() else {}
    found[asked.part] = {
        "command": f"python tests/benchmarks/measure_graphs.py {asked.part} --json {asked.json}",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "nnabla_compress": __version__,
            "nnabla": nn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "rows": rows,
    }
    asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
