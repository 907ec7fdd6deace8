# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verb embed: it trains, stores, and says what is kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from nnabla_compress.embeddings import load_table
from tests.cli.shell import call_here, refused
from tests.embeddings.graphs import planted

CONTENT = {
    "name": "small",
    "graph": {"path": "graph.npz"},
    "walks": {"neighbours": 4, "walks": 20, "length": 3},
    "network": {"hidden": 16, "width": 16, "output": 8},
    "training": {"epochs": 2, "batch_size": 64, "negatives": 16, "hard": 1, "first_rank": 5},
    "tables": ["lut:bits=4", "pq:bits=4,length=4"],
    "chunk": 50,
}


@pytest.fixture
def folder(tmp_path):
    graph, features, labels = planted(groups=4, each=30, inputs=8)
    sources = np.repeat(np.arange(len(graph)), graph.degrees)
    edges = np.stack([sources, graph.indices], axis=1)
    np.savez(tmp_path / "graph.npz", edges=edges, features=features, label=labels)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(CONTENT))
    return tmp_path


@pytest.mark.long
def test_it_trains_stores_and_says_what_is_kept(folder):
    found = call_here("embed", "small.yaml", "-o", "out", cwd=folder)
    assert found.returncode == 0, found.stderr
    assert "lut:bits=4: " in found.stderr + found.stdout and "written to out" in found.stdout
    results = json.loads((folder / "out" / "results.json").read_text())
    for row in results["tables"]:
        table = load_table(folder / "out" / row["file"])
        assert (table.nbytes, len(table)) == (row["bytes"], results["items"])
        device = (folder / "out" / row["file"]).with_suffix(".bin")
        assert device.stat().st_size == 40 + row["bytes"]
        assert row["recall"] > 20 and row["precision"] > 50
    held = np.load(folder / "out" / "all" / "embeddings.npy")
    assert held.shape == (120, 8) and held.nbytes == results["float_bytes"]
    refused(call_here("embed", "small.yaml", "-o", "out", cwd=folder), "holds a run already")
    again = call_here("embed", "small.yaml", "-o", "out", "--resume", "--json", cwd=folder)
    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    for part in ("tables", "embeddings", "losses"):
        assert said[part] == results[part]


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"tables": ["lut:bits=9"]}, "bits is 9"),
        ({"tables": ["none"]}, "quantizes nothing"),
        ({"tables": ["lut:bits=4", "lut:bits=4"]}, "named twice"),
        ({"walks": {"neighbors": 3}}, "neighbors"),
        ({"pooling": "max"}, "pooling"),
        ({"graph": {"path": "nowhere.npz"}}, "nowhere.npz"),
        ({"graph": {"path": "graph.npz", "content": 8}}, "8 numbers of 8 features"),
        ({"network": {"hidden": 15, "width": 16, "output": 8}}, "begin as pooling"),
        ({"seed": 2**32}, "seed"),
        ({"pairs": {"validation": 0, "test": 1e-6}}, "to test on is none"),
        ({"tables": ["prune:rate=0.5"]}, "prune"),
    ],
)
def test_what_can_not_be_done_is_refused(folder, changed, said):
    (folder / "bad.yaml").write_text(yaml.safe_dump({**CONTENT, **changed}))
    refused(call_here("embed", "bad.yaml", "-o", "bad", cwd=folder), said)
    assert not (folder / "bad").exists(), "what was never begun leaves nothing to go on with"


@pytest.mark.long
def test_without_labels_only_pairs_judge(folder):
    with np.load(folder / "graph.npz") as held:
        np.savetxt(folder / "edges.txt", held["edges"], "%d")
        np.save(folder / "features.npy", held["features"])
        np.savez(folder / "bare.npz", edges=held["edges"], features=held["features"])
    made = []
    for graph in ({"path": "edges.txt", "features": "features.npy"}, {"path": "bare.npz"}):
        recipe = {**CONTENT, "graph": graph, "training": {"epochs": 0}}
        (folder / "bare.yaml").write_text(yaml.safe_dump(recipe))
        found = call_here("embed", "bare.yaml", "-o", f"out{len(made)}", cwd=folder)
        assert found.returncode == 0, found.stderr
        assert "embeddings: hit rate@10" in found.stdout and "precision" not in found.stdout
        made.append(json.loads((folder / f"out{len(made)}" / "results.json").read_text()))
    assert made[0]["embeddings"] == made[1]["embeddings"]
    assert set(made[0]["embeddings"]) == {"hit_rate", "mrr"}


def test_a_graph_of_fewer_items_than_are_looked_for_is_refused_before_it_is_trained(folder):
    edges, labels = np.array([[0, 1], [1, 2], [2, 3], [3, 4]]), np.arange(5)
    np.savez(folder / "graph.npz", edges=edges, features=np.eye(5, 8), label=labels)
    found = call_here("embed", "small.yaml", "-o", "bad", cwd=folder)
    refused(found, "the graph has 5 items", "11 items or more")
    assert not (folder / "bad").exists()


@pytest.mark.parametrize(
    "edges, said",
    [
        ([[0, 500]], "names node 500"),
        ([[0, 2**31]], "beyond the largest"),
        ([[3, 3]], "to itself"),
    ],
)
def test_edges_that_make_no_graph_are_refused(folder, edges, said):
    with np.load(folder / "graph.npz") as held:
        np.savez(folder / "graph.npz", **{**held, "edges": np.array(edges)})
    refused(call_here("embed", "small.yaml", "-o", "bad", cwd=folder), said)
