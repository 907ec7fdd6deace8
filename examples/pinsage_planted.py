#!/usr/bin/env python
# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embeddings of a graph with planted groups: trained, computed for all nodes, stored as codes.

    python examples/pinsage_planted.py
    python examples/pinsage_planted.py --groups 20 --each 100 --epochs 6

Features say little of the group that a node is in; links say more. Prints how many of the ten
nearest are of a node's own group, by features alone, by embeddings, and by codes of them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Tuple

import numpy as np

import nnabla_compress.quantizers as Q
from nnabla_compress import embeddings as E


def planted(
    groups: int, each: int, inputs: int, seed: int
) -> Tuple[E.Adjacency, np.ndarray, np.ndarray]:
    """A graph, features and groups: eight links a node within its group, one to others."""
    rng = np.random.RandomState(seed)
    nodes = groups * each
    labels = rng.permutation(np.repeat(np.arange(groups), each))
    members = np.argsort(labels, kind="stable").reshape(groups, each)
    inside = np.stack(
        [
            np.repeat(np.arange(nodes), 4),
            members[np.repeat(labels, 4), rng.randint(each, size=4 * nodes)],
        ],
        axis=1,
    )
    outside = rng.randint(nodes, size=(nodes // 2, 2))
    edges = np.concatenate([inside, outside])
    graph = E.Adjacency.checked(edges[edges[:, 0] != edges[:, 1]], nodes, "planted groups")
    features = rng.randn(groups, inputs)[labels] + 1.5 * rng.randn(nodes, inputs)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return graph, features.astype(np.float32), labels


def main() -> None:
    """Trains, stores and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--inputs", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    graph, features, labels = planted(given.groups, given.each, given.inputs, given.seed)
    print(f"features: {E.precision(features, labels):.1f} % of the ten nearest are of the group")

    network = E.PinSage(hidden=2 * given.inputs, width=2 * given.inputs, output=given.inputs)
    walks = E.Walks(neighbours=8)
    settings = E.PairTraining(epochs=given.epochs, first_rank=given.each, last_rank=2 * given.each)
    pairs = E.linked_pairs(graph)
    trained = E.train(network, features, graph, pairs, walks, settings, seed=given.seed)
    with tempfile.TemporaryDirectory() as folder:
        table = np.array(E.embed_all(trained.parameters, features, graph, walks, folder))
        print(f"embeddings: {E.precision(table, labels):.1f} %, {table.nbytes:,} bytes")

        small = E.compress_table(table, Q.PQ(bits=4, length=4))
        E.save_table(Path(folder) / "table.npz", small)
        again = E.load_table(Path(folder) / "table.npz")
        print(f"codes: {E.precision(again.decode(), labels):.1f} %, {again.nbytes:,} bytes")

        found, cosines = E.CodeSearch(again).nearest(table[:1], 4)
        named = ", ".join(f"{item} ({cosine:.2f})" for item, cosine in zip(found[0], cosines[0]))
        print(f"nearest to item 0, by its codes: {named}")


if __name__ == "__main__":
    main()
