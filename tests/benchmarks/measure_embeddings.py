# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embeddings: walks, training, inference over all nodes, compressed tables.

    python tests/benchmarks/measure_embeddings.py walks --json FILE.json
    python tests/benchmarks/measure_embeddings.py overlap --json FILE.json
    python tests/benchmarks/measure_embeddings.py quality cora 0 --json FILE.json
    python tests/benchmarks/measure_embeddings.py groups 0 --json FILE.json
    python tests/benchmarks/measure_embeddings.py inference 1000000 --json FILE.json

Each takes its part of the file's place; numbers are seeds, or nodes. Seconds are those of the
processor, where nothing else is said. Memory is by how much the resident set of a process of its
own grows at most in the work. NNABLA_COMPRESS_DATA names the folder of the data.
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
from pathlib import Path
from typing import Any, Callable, Dict, List

import nnabla as nn
import numba
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.embeddings import (
    Adjacency,
    PairTraining,
    PinSage,
    Walks,
    compress_table,
    embed_all,
    linked_pairs,
    neighbourhoods,
    split_pairs,
    train,
    without,
)
from nnabla_compress.embeddings.compressed import TableTraining
from nnabla_compress.embeddings.description import EmbeddingRecipe
from nnabla_compress.embeddings.run import judged, read_items
from nnabla_compress.embeddings.scores import precision, recall, unit_rows
from nnabla_compress.rules import QuantizerRule
from tests.embeddings import plain_walks
from tests.embeddings.graphs import planted, random_parameters

CONFIGS = Path(__file__).parents[2] / "configs" / "graph"
TABLES = (
    "lut:bits=8",
    "lut:bits=4",
    "lut:bits=2",
    "rowlut:bits=4,rows=256",
    "rowlut:bits=2,rows=256",
    "uniform:bits=8,axis=0,learn=none",
    "uniform:bits=4,axis=0,learn=none",
    "uniform:bits=2,axis=0,learn=none",
    "pq:bits=8,length=8",
    "pq:bits=4,length=8",
    "pq:bits=5,length=4",
    "pq:bits=4,length=3",
)
TRAINED = "lut:bits=2"
Row = Dict[str, Any]


def drawn_graph(nodes: int, edges: int) -> Adjacency:
    """A graph whose nodes have few neighbours or, some of them, very many."""
    rng = np.random.RandomState(0)
    ends = np.stack(
        [rng.randint(nodes, size=edges), (nodes * rng.rand(edges) ** 2).astype("i8")], 1
    )
    return Adjacency.checked(ends[ends[:, 0] != ends[:, 1]], nodes, "drawn graph")


class Grown:
    """By how much this process grows from now on at most, in MB; Linux."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
        self._before = self._said("VmRSS")

    @property
    def megabytes(self) -> float:
        return round(self._said("VmHWM") - self._before, 1)

    @staticmethod
    def _said(name: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def walks() -> Row:
    """Walks beside a plain loop, in one run; memory by the number of walks; a large graph."""
    graph, how = drawn_graph(20_000, 100_000), Walks()
    neighbours = [graph.indices[a:b].tolist() for a, b in zip(graph.indptr, graph.indptr[1:])]
    starts = np.arange(2_000)
    neighbourhoods(graph, how, starts[:10])  # compiled
    began = time.process_time()
    plain = plain_walks.most_visited(
        neighbours, starts.tolist(), len(graph), how.neighbours, how.walks, how.length, 0.5, 0
    )
    middle = time.process_time()
    for _ in range(20):
        found = neighbourhoods(graph, how, starts)
    end = time.process_time()
    same = [list(zip(*r)) for r in zip(found.neighbours.tolist(), found.counts.tolist())] == plain
    large = {f"{count} walks": own_process("large", str(count)) for count in (10, 50, 250)}
    return {
        "nodes": 2_000,
        "steps_a_node": how.walks * how.length,
        "plain_seconds": round(middle - began, 3),
        "seconds": round((end - middle) / 20, 5),
        "times_as_quick": round((middle - began) / ((end - middle) / 20), 1),
        "same_neighbours": same,
        "10 million edges": large,
    }


def large_walks(count: str) -> Row:
    """Neighbourhoods of every tenth of a million nodes."""
    graph = drawn_graph(1_000_000, 10_000_000)
    how = Walks(walks=int(count))
    starts = np.arange(0, 1_000_000, 10)
    neighbourhoods(graph, how, starts[:10])
    grown, began = Grown(), time.process_time()
    neighbourhoods(graph, how, starts)
    seconds = time.process_time() - began
    return {
        "links": len(graph.indices),
        "seconds": round(seconds, 2),
        "microseconds_a_step": round(1e6 * seconds / (len(starts) * how.walks * how.length), 4),
        "grown_MB": grown.megabytes,
        "graph_MB": round((graph.indptr.nbytes + graph.indices.nbytes) / 2**20, 1),
    }


def overlap() -> Row:
    """A training whose samples are made ahead beside one that takes turns, by the clock."""
    recipe = EmbeddingRecipe.read(CONFIGS / "cora-pinsage.yaml")
    features, graph, _ = read_items(recipe)
    pairs = linked_pairs(graph)
    # Walks as many as a graph of hubs would want: sampling takes a large part of an update.
    how = Walks(walks=200)
    rows = {}
    for ahead in (0, 2):
        settings = PairTraining(epochs=1, ahead=ahead)
        made = train(recipe.network, features, graph, pairs, how, settings)
        seconds = {name: round(value, 2) for name, value in made.seconds.items()}
        rows["ahead" if ahead else "in turn"] = seconds
    hidden = 1 - rows["ahead"]["waited"] / rows["ahead"]["sampling"]
    return {**rows, "share_of_sampling_hidden": round(hidden, 3)}


def quality(graph: str = "cora", seed: str = "0") -> Row:
    """PinSage beside content only and pooling by the mean, and compressed tables of it."""
    recipe, number = EmbeddingRecipe.read(CONFIGS / f"{graph}-pinsage.yaml"), int(seed)
    features, linked, labels = read_items(recipe)
    pairs = split_pairs(linked_pairs(linked), (0.1, 0.2), number)
    rows: List[Row] = [{"what": "content", **judged(features, features, pairs, labels)}]
    if number == 0:
        rows += untrained(features, linked, labels)
    tables: List[Row] = []
    for pooling in ("importance", "mean", "none"):
        whole, known, pairs, labels, seconds = tables_of(recipe, pooling, number)
        rows.append({"what": pooling, **judged(whole, known, pairs, labels), "seconds": seconds})
        if pooling == "importance":
            tables = compressed(whole, known, pairs, labels)
    return {"graph": graph, "seed": number, "rows": rows, "tables": tables}


def groups(seed: str) -> Row:
    """The same on a graph with planted groups, where features say little of them."""
    graph, features, labels = planted(groups=8, each=60, inputs=16, noise=1.5)
    rows: List[Row] = [{"what": "content", "precision": precision(features, labels)}]
    settings = PairTraining(epochs=4, first_rank=60, last_rank=120, batch_size=128)
    for pooling in ("importance", "mean", "none"):
        network, pairs = PinSage(2, 32, 32, 16), linked_pairs(graph)
        made = train(network, features, graph, pairs, Walks(), settings, pooling, int(seed))
        with tempfile.TemporaryDirectory() as folder:
            z = embed_all(made.parameters, features, graph, Walks(), folder, pooling, int(seed))
            rows.append({"what": pooling, "precision": precision(z, labels)})
    return {"seed": int(seed), "rows": rows}


def untrained(features: np.ndarray, graph: Adjacency, labels: np.ndarray) -> List[Row]:
    """Pooling alone, z <- (h + n) / |h + n|, and the vectors of two layers compressed."""
    rows = []
    for neighbours in (3, 10, 50):
        near = neighbourhoods(graph, Walks(neighbours=neighbours))
        for kind in ("importance", "mean") if neighbours == 10 else ("importance",):
            weights = near.weights if kind == "importance" else near.equal_weights
            h = features
            for layer in (1, 2):
                h = unit_rows(h + np.einsum("nt,ntd->nd", weights, h[near.neighbours]))
                rows.append(
                    {
                        "what": f"pooling by {kind}, {layer} layers, T={neighbours}, untrained",
                        "precision": precision(h, labels),
                    }
                )
            if neighbours == 10 and kind == "importance":
                two = h
    for bits in (8, 6, 4, 3, 2):
        step = np.abs(two).max() / (2 ** (bits - 1) - 1)
        rows.append(
            {
                "what": f"the same of 2 layers, T=10, {bits} bits scaled to the largest",
                "precision": precision(np.rint(two / step) * step, labels),
            }
        )
    rows.append({"what": "its signs", "precision": precision(np.sign(two), labels)})
    for text in ("pq:bits=8,length=8", "pq:bits=4,length=8"):
        codes = compress_table(two, quantizer(text))
        rows.append({"what": f"its {text}", "precision": precision(codes.decode(), labels)})
    return rows


def quantizer(text: str) -> Any:
    """A quantizer as recipes write it."""
    return QuantizerRule.model_validate(text).make()


def tables_of(recipe: EmbeddingRecipe, pooling: str, seed: int) -> Any:
    """Embeddings of the whole graph and those without test pairs, the pairs, and the classes."""
    features, graph, labels = read_items(recipe)
    pairs = split_pairs(linked_pairs(graph), (0.1, 0.2), seed)
    known = without(graph, np.concatenate([pairs.validation, pairs.test]))
    made = train(
        recipe.network, features, known, pairs.train, recipe.walks, recipe.training, pooling, seed
    )
    with tempfile.TemporaryDirectory() as folder:
        found = [
            np.array(
                embed_all(
                    made.parameters, features, walked, recipe.walks, f"{folder}/{at}", pooling, seed
                )
            )
            for at, walked in enumerate((graph, known))
        ]
    seconds = {name: round(value, 2) for name, value in made.seconds.items()}
    return (*found, pairs, labels, seconds)


def compressed(whole: np.ndarray, known: np.ndarray, pairs: Any, labels: np.ndarray) -> List[Row]:
    """Compressed tables: nearest to the rows, and a few trained through their codes."""
    float_row = {"table": "float", "bytes": whole.nbytes, **judged(whole, known, pairs, labels)}
    rows = [float_row]
    cases = [(text, None) for text in TABLES] + [(TRAINED, TableTraining(epochs=3, fidelity=1.0))]
    for text, training in cases:
        made = [
            compress_table(
                table, quantizer(text), None if training is None else pairs.train, training
            )
            for table in (whole, known)
        ]
        decoded = [each.decode() for each in made]
        rows.append(
            {
                "table": text,
                "trained": training is not None,
                "bytes": made[0].nbytes,
                "codes_an_item": made[0].row_bytes,
                "ratio": round(whole.nbytes / made[0].nbytes, 2),
                "nearest_kept": recall(whole, decoded[0]),
                **judged(*decoded, pairs, labels),
            }
        )
    return rows


def inference_of(nodes: str) -> Row:
    """Embeddings of a drawn graph, ten edges a node."""
    count, network, how = int(nodes), PinSage(2, 64, 64, 32), Walks(walks=20, length=3)
    graph = drawn_graph(count, 10 * count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        rows = np.lib.format.open_memmap(path, "w+", "<f4", (count, 32))
        for start in range(0, count, 1 << 16):
            part = rows[start : start + (1 << 16)]
            part[...] = np.random.RandomState(start).randn(*part.shape)
        rows.flush()
        del rows
        parameters = random_parameters(network, 32)
        embed_all(parameters, np.zeros((2, 32)), drawn_graph(2, 4), how, Path(folder) / "compiled")
        grown, began, clock = Grown(), time.process_time(), time.perf_counter()
        found = embed_all(parameters, path, graph, how, Path(folder) / "run")
        seconds = time.process_time() - began
        return {
            "nodes": count,
            "links": len(graph.indices),
            "processor_seconds": round(seconds, 1),
            "clock_seconds": round(time.perf_counter() - clock, 1),
            "microseconds_a_node": round(1e6 * seconds / count, 1),
            "grown_MB": grown.megabytes,
            "embeddings_MB": round(found.nbytes / 2**20, 1),
        }


def own_process(name: str, *arguments: str) -> Row:
    """What one of these functions says in a process of its own."""
    command = [sys.executable, __file__, name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout))


PARTS: Dict[str, Callable[..., Row]] = {
    "walks": walks,
    "large": large_walks,
    "overlap": overlap,
    "quality": quality,
    "groups": groups,
    "inference": inference_of,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    said = " ".join([given.part, *given.arguments])
    found = {
        "command": f"python tests/benchmarks/measure_embeddings.py {said}",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "nnabla-compress": __version__,
            "nnabla": nn.__version__,
            "numba": numba.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "machine": platform.machine(),
        **PARTS[given.part](*given.arguments),
    }
    print(json.dumps(found, indent=1))
    if given.json:
        content = json.loads(given.json.read_text()) if given.json.exists() else {}
        content[said] = found
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
