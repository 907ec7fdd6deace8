# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A run of embeddings: trained, computed for all items, stored small, judged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.data.graph import labelled_nodes
from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.compressed import compress_table
from nnabla_compress.embeddings.content import content_rows
from nnabla_compress.embeddings.description import EmbeddingRecipe
from nnabla_compress.embeddings.inference import embed_all
from nnabla_compress.embeddings.pairs import Pairs, linked_pairs, split_pairs, without
from nnabla_compress.embeddings.pinsage import pooling_start
from nnabla_compress.embeddings.scores import of_pairs, precision, recall, unit_rows
from nnabla_compress.embeddings.table_files import save_device_table, save_table
from nnabla_compress.embeddings.training import train
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import json_text, write_json
from nnabla_compress.locks import locked
from nnabla_compress.reading import read_json
from nnabla_compress.safe_names import file_name
from nnabla_compress.training.parameter_files import save_parameters

RESULTS, RECIPE = "results.json", "recipe.json"
Row = Dict[str, Any]
COUNT = 10
"""Of the nearest that embeddings are judged by."""


def run_embeddings(
    recipe: EmbeddingRecipe,
    folder: Union[str, Path],
    base: Union[str, Path, None] = None,
    resume: bool = False,
    ray: Optional[str] = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Row:
    """Carries a recipe out in a folder.

    The folder receives ``parameters.h5``, ``all/embeddings.npy`` of the whole graph, for each table
    an ``.npz`` for hosts and a ``.bin`` for the C kernel, and ``results.json``. Embeddings that
    pairs are judged by are computed without the edges of these pairs.

    Args:
        recipe: What is done.
        folder: Where files go; made if missing.
        base: Where relative paths of the recipe start.
        resume: Go on with the run that the folder holds.
        ray: Address of a Ray cluster for the inference, see :func:`embed_all`.
        tell: Called with lines for whoever watches.

    Returns:
        What ``results.json`` holds.

    Raises:
        ConfigError: If the folder holds another run, or the recipe does not fit the graph.
        DataError: If the graph is damaged.
    """
    began = time.time()
    with locked(folder) as place:
        _check_place(place, recipe, resume)
        features, graph, labels = read_items(recipe, base)
        pairs = split_pairs(
            linked_pairs(graph), (recipe.pairs.validation, recipe.pairs.test), recipe.seed
        )
        _check_possible(recipe, features, graph, pairs)
        write_json(place / RECIPE, recipe.model_dump(mode="json"))
        known = without(graph, np.concatenate([pairs.validation, pairs.test]))
        trained = train(
            recipe.network,
            features,
            known,
            pairs.train,
            recipe.walks,
            recipe.training,
            recipe.pooling,
            recipe.seed,
            place / "training",
        )
        with nn.parameter_scope("", {}):
            for path, values in trained.parameters.items():
                nn.parameter.set_parameter(path, nn.Variable.from_numpy_array(values))
            save_parameters(place / "parameters.h5")
        tables = {}
        for name, walked in (("judged", known), ("all", graph)):
            tables[name] = embed_all(
                trained.parameters,
                features,
                walked,
                recipe.walks,
                place / name,
                recipe.pooling,
                recipe.seed,
                recipe.chunk,
                ray,
            )
        results = {
            "name": recipe.name,
            "version": __version__,
            "seed": recipe.seed,
            "items": graph.items,
            "pairs": {name: len(part) for name, part in vars(pairs).items()},
            "content": judged(features, features, pairs, labels),
            "embeddings": judged(tables["all"], tables["judged"], pairs, labels),
            "float_bytes": int(tables["all"].nbytes),
            "losses": trained.losses,
            "seconds": trained.seconds,
            "tables": [],
        }
        for name in recipe.quantizers:
            row = _table(recipe, name, tables, pairs, labels, place)
            classes = f"precision@{COUNT} {row['precision']:.1f}, " if "precision" in row else ""
            tell(
                f"{name}: {row['bytes']:,} bytes, 1/{row['ratio']:.1f} of the floats; {classes}hit "
                f"rate@{COUNT} {row['hit_rate']:.1f}; nearest kept {row['recall']:.1f} %"
            )
            results["tables"].append(row)  # type: ignore[attr-defined]
        results["all_seconds"] = round(time.time() - began, 1)
        write_json(place / RESULTS, results)
        return results


def read_items(
    recipe: EmbeddingRecipe, base: Union[str, Path, None] = None
) -> Tuple[np.ndarray, Adjacency, Optional[np.ndarray]]:
    """Reads what a recipe is about.

    Args:
        recipe: The recipe.
        base: Where relative paths start.

    Returns:
        Features (items, D), the graph, and a class for each item, None where there are none.
    """
    part = recipe.graph
    found, labels = labelled_nodes(part.path, part.features, part.labels, base)
    graph = Adjacency.of_links(found.links)
    if part.content is not None:
        return content_rows(found.features, part.content, part.tf_idf), graph, labels
    return unit_rows(found.features.toarray()), graph, labels


def judged(whole: np.ndarray, known: np.ndarray, pairs: Pairs, labels: Optional[np.ndarray]) -> Row:
    """Returns how good embeddings are.

    Args:
        whole: Embeddings of the whole graph.
        known: Those that know nothing of the test pairs.
        pairs: The pairs.
        labels: A class for each item; None: there are none.
    """
    found: Row = of_pairs(known, pairs.test, COUNT)
    if labels is not None:
        found["precision"] = precision(whole, labels, COUNT)
    return found


def _table(
    recipe: EmbeddingRecipe,
    name: str,
    tables: Dict[str, np.ndarray],
    pairs: Pairs,
    labels: Optional[np.ndarray],
    folder: Path,
) -> Row:
    quantizer, training = recipe.quantizers[name], recipe.table_training
    whole, known = (
        compress_table(
            tables[which],
            quantizer,
            None if training is None else pairs.train,
            training,
            recipe.seed,
        )
        for which in ("all", "judged")
    )
    file = f"{file_name(name)}.npz"
    save_table(folder / file, whole)
    save_device_table(folder / f"{file_name(name)}.bin", whole)
    bytes_, rows = whole.nbytes, whole.decode()
    return {
        "name": name,
        "trained": training is not None,
        "file": file,
        "bytes": bytes_,
        "bytes_an_item": whole.row_bytes + (0 if whole.scales is None else 4),
        "ratio": tables["all"].nbytes / bytes_,
        "recall": recall(tables["all"], rows, COUNT),
        **judged(rows, known.decode(), pairs, labels),
    }


def _check_place(folder: Path, recipe: EmbeddingRecipe, resume: bool) -> None:
    record = folder / RECIPE
    if not record.exists():
        return
    if not resume:
        raise ConfigError(
            f"{folder} holds a run already.",
            help="go on with it by --resume, or choose another -o",
        )
    if json_text(read_json(record)) != json_text(recipe.model_dump(mode="json")):
        raise ConfigError(
            f"{folder} holds a run of another recipe.", help="choose another folder with -o"
        )


def _check_possible(
    recipe: EmbeddingRecipe, features: np.ndarray, graph: Adjacency, pairs: Pairs
) -> None:
    """Refuses before a training what would be found to be impossible after it."""
    if graph.items <= COUNT:
        raise DataError(
            f"the graph has {graph.items} items; embeddings are judged by the {COUNT} nearest "
            "others of each.",
            help=f"give a graph of {COUNT + 1} items or more",
        )
    if not len(pairs.test):
        raise ConfigError(
            f"pairs: of {len(pairs.train) + len(pairs.validation):,} pairs, a share of "
            f"{recipe.pairs.test:g} to test on is none.",
            help="give a larger share, or a graph with more edges",
        )
    if recipe.training.start == "pooling":
        pooling_start(recipe.network, features.shape[1])
    rows = np.random.RandomState(0).randn(COUNT, recipe.network.output)
    for quantizer in recipe.quantizers.values():
        compress_table(rows, quantizer)
