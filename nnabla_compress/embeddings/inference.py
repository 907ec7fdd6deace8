# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embeddings of all items, layer by layer: each item's rows are computed once a layer."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.arithmetic import Arithmetic
from nnabla_compress.embeddings.blocks import POOLINGS
from nnabla_compress.embeddings.engine import Engine
from nnabla_compress.embeddings.neighbourhoods import Walks
from nnabla_compress.embeddings.ray_engine import RayEngine
from nnabla_compress.embeddings.rounds import PARTS, Work, forget_graph
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import atomic_path, json_text, write_json
from nnabla_compress.locks import locked
from nnabla_compress.progress import tracked
from nnabla_compress.reading import read_json
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.workers import workers

CHUNK = 16384
"""Items of a chunk: what is in memory grows with it."""
EMBEDDINGS = "embeddings.npy"
_RECORD = "inference.json"


def embed_all(
    parameters: Mapping[str, np.ndarray],
    features: Union[str, Path, np.ndarray],
    graph: Adjacency,
    how: Walks,
    folder: Union[str, Path],
    pooling: str = "importance",
    seed: int = 0,
    chunk: int = CHUNK,
    ray: Optional[str] = None,
) -> np.ndarray:
    """Computes the embeddings of all items, layer by layer over chunks on disk.

    The same call goes on where a killed one, or one for which the disk was too small, stopped. The
    bits depend neither on the size of the chunks nor on who computes them.

    Args:
        parameters: Of the trained network, arrays by path.
        features: A row for each item: an ``.npy`` file, which is read in chunks, or an array.
        graph: What is walked along.
        how: How neighbourhoods are sampled.
        folder: Where everything goes; of the intermediate files none stays.
        pooling: As the network was trained.
        seed: Seed of the walks.
        chunk: Items of a chunk.
        ray: Address of a Ray cluster, see :func:`nnabla_compress.workers.workers`; all its machines
            must see the folder. None: this process, without Ray.

    Returns:
        Embeddings of norm 1 (items, D), a memory map of ``embeddings.npy`` in the folder.

    Raises:
        DataError: If features, graph and parameters do not fit each other.
        ConfigError: If the folder holds an inference of other things.
        DiskFullError: If there is no room; what is done stays.

    Example:
        >>> import tempfile
        >>> from nnabla_compress.embeddings.pinsage import PinSage, pooling_start
        >>> path = Adjacency.checked([[0, 1], [1, 2]], 3, "path")
        >>> start = pooling_start(PinSage(1, 4, 4, 2), 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = embed_all(start, np.eye(3, 2), path, Walks(2), folder)
        ...     found.shape
        (3, 2)
    """
    if pooling not in POOLINGS:
        raise ConfigError(f"pooling is {pooling!r}.", help=did_you_mean(pooling, POOLINGS))
    if chunk < 1:
        raise ConfigError(f"a chunk of {chunk} items.", help="at least 1")
    arithmetic = Arithmetic.of(parameters)
    with locked(folder) as place:
        place = place.absolute()
        rows = _features(features, place)
        _check_features(rows, graph, arithmetic)
        _begin(place, parameters, rows, graph, how, pooling, seed, chunk)
        work = Work(graph.items, chunk, rows, place, how, pooling, seed, arithmetic)
        if not (place / EMBEDDINGS).exists():
            try:
                if ray is None:
                    _compute(Engine(work, place))
                else:
                    with workers(None, ray):
                        _compute(RayEngine(work, place))
            finally:
                forget_graph()
            _remove_inputs(place)
        return np.load(place / EMBEDDINGS, mmap_mode="r")  # type: ignore[no-any-return]


def _compute(engine: Engine) -> None:
    layers = len(engine.work.arithmetic.layers)
    engine.ask()
    for layer in range(layers):
        engine.layer(layer)
        if layer:
            engine.rows(layer - 1).remove()
    last = engine.rows(layers - 1)
    work = engine.work
    with atomic_path(engine.folder / EMBEDDINGS) as temporary, open(temporary, "wb") as file:
        header = {
            "descr": "<f4",
            "fortran_order": False,
            "shape": (work.items, work.arithmetic.width),
        }
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
        for number in tracked("writing", range(work.chunks), work.chunks):
            file.write(last.own(number)[0].arrays["h"].tobytes())
    last.remove()
    engine.asked.remove()


def _features(features: Union[str, Path, np.ndarray], folder: Path) -> Path:
    """The file of the features; an array is written to one."""
    if isinstance(features, (str, Path)):
        return Path(features).absolute()
    path = folder / "features.npy"
    if not path.exists() and not (folder / EMBEDDINGS).exists():
        _save(path, np.asarray(features, np.float32))
    return path


def _check_features(path: Path, graph: Adjacency, arithmetic: Arithmetic) -> None:
    if not path.exists() and (path.parent / EMBEDDINGS).exists():
        return
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, kind = found.shape, found.dtype
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: no features can be read ({error}).", help="give an .npy file"
        ) from None
    wanted = (graph.items, arithmetic.layers[0].neighbours[0].shape[0])
    if shape != wanted or kind.kind not in "iuf":
        raise DataError(
            f"{path}: features have the shape {shape} of {kind}, the graph and the network want "
            f"{wanted}.",
            help="give a row of numbers for each item, as the network was trained on",
        )


def _begin(
    folder: Path,
    parameters: Mapping[str, np.ndarray],
    features: Path,
    graph: Adjacency,
    how: Walks,
    pooling: str,
    seed: int,
    chunk: int,
) -> None:
    """Writes down what is computed, or makes sure that the folder holds the same."""
    said: Dict[str, Any] = {
        "items": graph.items,
        "nodes": len(graph),
        "links": len(graph.indices),
        "graph": _checksum(graph.indices),
        "parameters": {path: _checksum(value) for path, value in sorted(parameters.items())},
        "walks": asdict(how),
        "pooling": pooling,
        "seed": seed,
        "chunk": chunk,
    }
    record = folder / _RECORD
    if record.exists():
        before = read_json(record)
        other = sorted(key for key in said if before.get(key) != json.loads(json_text(said[key])))
        if other:
            raise ConfigError(
                f"{folder} holds embeddings of another inference: {', '.join(other)} differ.",
                help="choose another folder, or remove it",
            )
    if not (folder / EMBEDDINGS).exists():
        for name in PARTS:
            if not (folder / f"{name}.npy").exists():
                _save(folder / f"{name}.npy", getattr(graph, name))
    if not record.exists():
        write_json(record, said)


def _remove_inputs(folder: Path) -> None:
    for name in (*PARTS, "features"):
        path = folder / f"{name}.npy"
        if path.exists():
            path.unlink()


def _save(path: Path, values: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array(file, values, allow_pickle=False)


def _checksum(values: np.ndarray) -> str:
    flat = np.ascontiguousarray(values).reshape(-1)
    found = 0
    for start in range(0, len(flat), 1 << 22):
        found = zlib.crc32(flat[start : start + (1 << 22)].tobytes(), found)
    return f"{found:08x}"
