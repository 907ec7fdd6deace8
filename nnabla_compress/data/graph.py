# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Graphs whose nodes are to be classified: an ``.npz`` file, or a list of edges with two files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from nnabla_compress.data.npz import read_npz
from nnabla_compress.data.paths import resolve_path
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.data.tables import read_table
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.node_graph import NodeGraph

SETTINGS = ("inductive", "transductive")
_ROWS = ("train", "val", "test")


def graph(
    path: Union[str, Path],
    features: Union[str, Path, None] = None,
    labels: Union[str, Path, None] = None,
    setting: str = "inductive",
    test: Union[int, float] = 0,
    folder: Union[str, Path, None] = None,
) -> DataSet:
    """Loads a graph; samples are its nodes, by number.

    An ``.npz`` file holds ``edges`` (E, 2), ``label`` (N,), features as ``features`` (N, D) or as
    CSR (``feat_data``, ``feat_indices``, ``feat_indptr``, ``feat_shape``), and which nodes are for
    what: ``idx_train``, ``idx_val``, ``idx_test``. Else ``path`` is text with two node numbers a
    line, and ``features`` and ``labels`` are files of their own.

    Args:
        path: The ``.npz`` file, or the list of edges.
        features: For a list of edges: text, or ``.npy``, with a row of numbers for each node.
        labels: For a list of edges: text, or ``.npy``, with a class index for each node.
        setting: ``"inductive"``: all nodes in front of the first test node train, but those of the
            validation set, and the training sees the links between them only. ``"transductive"``:
            the nodes of ``idx_train`` train, and the training sees the whole graph.
        test: Nodes to test on where the file names none: a share of all, or how many; the same
            ones each time.
        folder: Where relative paths start.

    Returns:
        The data set; its ``graph`` has features and links.

    Raises:
        ConfigError: If an option has no meaning.
        DataError: If a file is missing or damaged, or its parts do not fit.
    """
    if setting not in SETTINGS:
        raise ConfigError(f"data: setting is {setting!r}.", help=f"choose {' or '.join(SETTINGS)}")
    file, found = _found(path, features, labels, folder)
    where = str(file)
    whole, classes = _nodes_of(found, where)
    assert classes is not None
    rows = _rows(found, len(whole), test, where)
    if setting == "inductive":
        first = int(rows["test"].min()) if "test" in found else len(whole)
        rows["train"] = _inductive(rows, first, where)
    splits = {
        name: Split.checked(chosen[:, np.newaxis].astype(np.float32), classes[chosen], where)
        for name, chosen in zip(("train", "validation", "test"), map(rows.get, _ROWS))
        if chosen is not None
    }
    if len(np.unique(splits["train"].y)) < 2:
        raise DataError(
            f"{where}: all training nodes are of class {int(splits['train'].y[0])}.",
            help="a classifier needs nodes of two classes at least",
        )
    known = rows["train"] if setting == "inductive" else None
    data = DataSet.checked(
        file.name, None, splits["train"], splits.get("validation"), splits.get("test")
    )
    return replace(data, graph=replace(whole, known=known))


def labelled_nodes(
    path: Union[str, Path],
    features: Union[str, Path, None] = None,
    labels: Union[str, Path, None] = None,
    folder: Union[str, Path, None] = None,
) -> Tuple[NodeGraph, Optional[np.ndarray]]:
    """Loads a graph as :func:`graph` does, whatever its nodes are for; they may lack labels.

    Args:
        path: As of :func:`graph`.
        features: Likewise.
        labels: Likewise.
        folder: Likewise.

    Returns:
        The graph, and a class for each node, None where there are no labels.

    Raises:
        DataError: If a file is missing or damaged, or its parts do not fit.
    """
    file, found = _found(path, features, labels, folder, needs_labels=False)
    return _nodes_of(found, str(file))


def _found(
    path: Union[str, Path],
    features: Union[str, Path, None],
    labels: Union[str, Path, None],
    folder: Union[str, Path, None],
    needs_labels: bool = True,
) -> Tuple[Path, Dict[str, np.ndarray]]:
    file = resolve_path(path, folder, "the graph")
    if file.suffix != ".npz":
        return file, _of_edges(file, features, labels, folder, needs_labels)
    if features is not None or labels is not None:
        raise ConfigError(
            "data: features and labels are for a list of edges.",
            help=f"leave them out: {file.name} holds its own",
        )
    return file, _of_npz(file, needs_labels)


def _nodes_of(
    found: Mapping[str, np.ndarray], where: str
) -> Tuple[NodeGraph, Optional[np.ndarray]]:
    whole = NodeGraph.checked(found["features"], found["edges"], where)
    classes = found.get("labels")
    if classes is not None and len(classes) != len(whole):
        raise DataError(
            f"{where}: {len(whole)} nodes have features, {len(classes)} have a label.",
            help="give a row of features and a label for each node, in the same order",
        )
    return whole, classes


def _of_npz(file: Path, needs_labels: bool) -> Dict[str, np.ndarray]:
    arrays = read_npz(file)
    for name in ("edges", "label") if needs_labels else ("edges",):
        if name not in arrays:
            raise DataError(
                f"{file} holds {', '.join(sorted(arrays)) or 'nothing'}, but no {name}.",
                help="save edges (E, 2), label (N,) and features (N, D)",
            )
    found = {"edges": arrays["edges"]}
    if "label" in arrays:
        found["labels"] = np.asarray(arrays["label"]).ravel()
    found.update((name, arrays[f"idx_{name}"]) for name in _ROWS if f"idx_{name}" in arrays)
    if "features" in arrays:
        return {**found, "features": arrays["features"]}
    parts = [f"feat_{name}" for name in ("data", "indices", "indptr", "shape")]
    missing = [name for name in parts if name not in arrays]
    if missing:
        raise DataError(
            f"{file} has neither features nor {missing[0]}.",
            help="save features (N, D), or CSR as feat_data, feat_indices, feat_indptr, feat_shape",
        )
    data, indices, indptr, shape = (arrays[name] for name in parts)
    return {**found, "features": _csr(data, indices, indptr, shape, str(file))}


def _csr(data: Any, indices: Any, indptr: Any, shape: Any, where: str) -> Any:
    """A sparse matrix of what a file says, every index checked."""
    from scipy import sparse

    try:
        rows, columns = (int(size) for size in shape)
        made = sparse.csr_matrix((data, indices, indptr), shape=(rows, columns))
        made.check_format(full_check=True)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            f"{where}: the features are no CSR matrix: {error}.",
            help="save them again, as scipy.sparse.csr_matrix has them",
        ) from None
    return made


def _of_edges(
    file: Path,
    features: Union[str, Path, None],
    labels: Union[str, Path, None],
    folder: Union[str, Path, None],
    needs_labels: bool,
) -> Dict[str, np.ndarray]:
    for name, given in (("features", features), ("labels", labels)):
        if given is None and (needs_labels or name == "features"):
            raise ConfigError(
                f"data: {file.name} is a list of edges, {name} are missing.",
                help=f"name them, in a recipe {name}: FILE; or give an .npz file with all parts",
            )
    assert features is not None
    found = {
        "edges": read_table(file, whole=True, columns=2),
        "features": read_table(resolve_path(features, folder, "the features")),
    }
    if labels is not None:
        classes = read_table(resolve_path(labels, folder, "the labels"), whole=True)
        found["labels"] = classes.ravel()
    return found


def _rows(
    found: Mapping[str, np.ndarray],
    count: int,
    test: Union[int, float],
    where: str,
) -> Dict[str, np.ndarray]:
    """The nodes of each split, as the file names them or drawn."""
    rows: Dict[str, np.ndarray] = {}
    for name in _ROWS:
        if name in found:
            rows[name] = _nodes(found[name], count, f"{where}: idx_{name}")
    if "test" in rows and test:
        raise ConfigError(
            f"data: {where} names its test nodes, but test={test} is asked for.",
            help="leave test out",
        )
    if "test" not in rows and test:
        rows["test"] = _drawn(test, count)
    taken: Dict[int, str] = {}
    for name, nodes in rows.items():
        twice = next((int(node) for node in nodes if int(node) in taken), None)
        if twice is not None:
            raise DataError(
                f"{where}: node {twice} is in idx_{taken[twice]} and in idx_{name}.",
                help="let each node be for one thing",
            )
        taken.update((int(node), name) for node in nodes)
    if "train" not in rows:
        rest = np.setdiff1d(np.arange(count), np.fromiter(taken, np.int64, len(taken)))
        rows["train"] = rest
    if not len(rows["train"]):
        raise DataError(f"{where}: no node is left to train on.", help="test on fewer")
    return rows


def _nodes(values: np.ndarray, count: int, where: str) -> np.ndarray:
    nodes = np.asarray(values).ravel()
    if nodes.dtype.kind not in "iu" or not len(nodes):
        raise DataError(f"{where} holds no node numbers.", help="give whole numbers from 0")
    wrong = (nodes < 0) | (nodes >= count)
    if wrong.any():
        raise DataError(
            f"{where} names node {int(nodes[wrong][0])}, outside 0..{count - 1}.",
            help=f"there are {count:,} nodes, from 0",
        )
    return np.sort(nodes.astype(np.int64))


def _drawn(test: Union[int, float], count: int) -> np.ndarray:
    is_number = isinstance(test, (int, float)) and not isinstance(test, bool)
    number = test if isinstance(test, int) else int(round(test * count)) if is_number else 0
    if not is_number or not 0 < number < count or (isinstance(test, float) and test >= 1):
        raise ConfigError(
            f"data: test is {test!r}, of {count} nodes.",
            help="give a share between 0 and 1, or a number of nodes",
        )
    return np.sort(np.random.RandomState(0).permutation(count)[:number])


def _inductive(rows: Mapping[str, np.ndarray], first: int, where: str) -> np.ndarray:
    """The nodes that train in the inductive setting of L-GCN's authors."""
    held = [rows[name] for name in ("val", "test") if name in rows]
    nodes = np.setdiff1d(np.arange(first), np.concatenate([*held, np.zeros(0, np.int64)]))
    if not len(nodes):
        raise DataError(
            f"{where}: no node to train on stands in front of the first test node, {first}.",
            help="choose setting: transductive",
        )
    return nodes
