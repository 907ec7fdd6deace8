# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.data import load
from nnabla_compress.data.graph import graph
from nnabla_compress.errors import ConfigError, DataError

PARTS = {
    "features": np.eye(8, dtype=np.float32),
    "edges": np.array([[0, 1], [1, 2], [2, 6], [3, 4], [5, 7]]),
    "label": np.array([0, 1, 0, 1, 0, 1, 0, 1]),
    "idx_train": np.array([0, 1]),
    "idx_val": np.array([2, 3]),
    "idx_test": np.array([6, 7]),
}


def written(folder: Path, **changes: object) -> Path:
    parts = {**PARTS, **changes}
    np.savez(
        folder / "g.npz", **{name: value for name, value in parts.items() if value is not None}
    )
    return folder / "g.npz"


def nodes(split) -> list:
    return split.x.ravel().astype(int).tolist()


def test_all_nodes_before_the_first_test_node_train_in_the_inductive_setting(tmp_path):
    data = graph(written(tmp_path))
    assert nodes(data.train) == [0, 1, 4, 5] and nodes(data.validation) == [2, 3]
    assert nodes(data.test) == [6, 7] and data.test.y.tolist() == [0, 1]
    assert data.graph.nodes(test=False).tolist() == [0, 1, 4, 5]
    assert data.n_classes == 2


def test_those_that_the_file_names_train_in_the_transductive_one_and_see_the_whole_graph(tmp_path):
    data = graph(written(tmp_path), setting="transductive")
    assert nodes(data.train) == [0, 1]
    assert data.graph.nodes(test=False).tolist() == list(range(8))


@pytest.mark.parametrize("name, train, small", [("cora", 1208, 140), ("citeseer", 1812, 120)])
def test_the_splits_of_the_citation_graphs_are_those_of_the_authors(name, train, small):
    root = os.environ.get("NNABLA_COMPRESS_DATA", "")
    path = os.path.join(root, "graph", f"{name}.npz")
    if not root or not os.path.isfile(path):
        pytest.skip(f"needs graph/{name}.npz in $NNABLA_COMPRESS_DATA")
    data = load("graph", path=path)
    assert (len(data.train), len(data.validation), len(data.test)) == (train, 500, 1000)
    assert len(load("graph", path=path, setting="transductive").train) == small


def test_features_may_be_sparse(tmp_path):
    csr = {
        "feat_data": np.ones(8, np.float32),
        "feat_indices": np.arange(8),
        "feat_indptr": np.arange(9),
        "feat_shape": np.array([8, 8]),
    }
    data = graph(written(tmp_path, features=None, **csr))
    assert data.graph.features.toarray().tolist() == np.eye(8).tolist()


def test_a_list_of_edges_takes_features_and_labels_of_files_of_their_own(tmp_path):
    (tmp_path / "edges.csv").write_text("# from,to\n0,1\n1,2\n\n2,3\n", "utf-8")
    (tmp_path / "labels.txt").write_text("0\n1\n0\n1\n", "utf-8")
    np.save(tmp_path / "features.npy", np.eye(4))
    data = load(
        *("graph",),
        path="edges.csv",
        features="features.npy",
        labels="labels.txt",
        test=1,
        folder=tmp_path,
    )
    assert len(data.train) == 3 and len(data.test) == 1
    assert data.graph.links.toarray()[1].tolist() == [1, 0, 1, 0]
    again = load(
        *("graph",),
        path="edges.csv",
        features="features.npy",
        labels="labels.txt",
        test=0.25,
        folder=tmp_path,
        seed=5,
    )
    assert nodes(again.test) == nodes(data.test), "the same ones for every seed"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"edges": np.array([[0, 8]])}, "edge 0 names node 8, outside 0..7"),
        ({"edges": np.array([[0, 3 * 10**9]])}, "beyond the largest, 2,147,483,647"),
        ({"edges": np.array([[4, 4]])}, "links node 4 to itself"),
        ({"edges": None}, "but no edges"),
        ({"label": np.zeros(8, int)}, "all training nodes are of class 0"),
        ({"label": np.arange(7)}, "8 nodes have features, 7 have a label"),
        ({"features": None}, "neither features nor feat_data"),
        ({"features": np.eye(9)}, "9 nodes have features, 8 have a label"),
        ({"idx_test": np.array([8])}, "idx_test names node 8, outside 0..7"),
        ({"idx_test": np.array([0, 6])}, "node 0 is in idx_train and in idx_test"),
        ({"idx_val": np.array([0.5])}, "idx_val holds no node numbers"),
        ({"idx_train": None, "idx_test": np.array([0])}, "no node to train on"),
        ({"label": np.array([0.5] * 8)}, "not a whole number"),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name(tmp_path, changes, said):
    with pytest.raises(DataError, match=said):
        graph(written(tmp_path, **changes))


def test_a_damaged_matrix_of_features_is_refused(tmp_path):
    csr = {
        "feat_data": np.ones(2, np.float32),
        "feat_indices": np.array([0, 99]),
        "feat_indptr": np.array([0, 1, 2, 2, 2, 2, 2, 2, 2]),
        "feat_shape": np.array([8, 8]),
    }
    with pytest.raises(DataError, match="the features are no CSR matrix"):
        graph(written(tmp_path, features=None, **csr))


@pytest.mark.parametrize(
    "options, said",
    [
        ({"setting": "semi"}, "setting is 'semi'"),
        ({"features": "f.npy"}, "are for a list of edges"),
        ({"test": 2}, "names its test nodes, but test=2"),
    ],
)
def test_options_without_a_meaning_are_refused(tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        graph(written(tmp_path), **options)


@pytest.mark.parametrize("test", [0.0001, 8, -1, 1.5, True])
def test_as_many_test_nodes_as_there_are_none_are_refused(tmp_path, test):
    with pytest.raises(ConfigError, match="of 8 nodes"):
        graph(written(tmp_path, idx_test=None), test=test)


def test_a_list_of_edges_alone_is_refused_with_what_is_missing(tmp_path):
    (tmp_path / "edges.txt").write_text("0 1\n", "utf-8")
    with pytest.raises(ConfigError, match="features are missing"):
        graph(tmp_path / "edges.txt")
