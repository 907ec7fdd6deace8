# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a chunk of items does in each round of the inference: map and reduce, for any engine.

Items are cut into chunks by their numbers. A round groups parcels by the chunk that they are for,
and a chunk makes new parcels of them. Joins are two rounds: chunks ask those of their neighbours
for rows, these answer. Neither the size of the chunks nor who works on them changes a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

import numpy as np

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.embeddings.arithmetic import Arithmetic
from nnabla_compress.embeddings.blocks import weights_of
from nnabla_compress.embeddings.chunk_files import Parcel
from nnabla_compress.embeddings.neighbourhoods import Walks, neighbourhoods

ROWS, ASKED, SLOTS, WEIGHTS, ANSWER = "rows", "asked", "slots", "weights", "answer"
PARTS = ("indptr", "indices")
"""Files of a graph."""


@dataclass(frozen=True)
class Work:
    """All that a chunk must know; small enough to be sent to whoever works on it.

    Args:
        items: How many there are.
        chunk: Items of a chunk.
        features: ``.npy`` file of the rows of all items.
        graph: Folder with ``indptr.npy`` and ``indices.npy``.
        how: How neighbourhoods are sampled.
        pooling: How they are pooled.
        seed: Seed of the walks.
        arithmetic: The trained network.
    """

    items: int
    chunk: int
    features: Path
    graph: Path
    how: Walks
    pooling: str
    seed: int
    arithmetic: Arithmetic

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.items // self.chunk)

    def span(self, number: int) -> slice:
        """Returns the items of a chunk.

        Args:
            number: Of the chunk.
        """
        return slice(number * self.chunk, min((number + 1) * self.chunk, self.items))

    def ask(self, number: int) -> Iterator[Parcel]:
        """Samples the neighbourhoods of a chunk, and asks the chunks of the neighbours for rows.

        Args:
            number: Of the chunk.

        Yields:
            To each of these which rows it shall answer with; to itself where answers belong.
        """
        span = self.span(number)
        found = neighbourhoods(_graph(self.graph, self.items), self.how, _all(span), self.seed)
        weights = weights_of(found, self.pooling)
        slots = np.flatnonzero(weights.ravel() > 0)
        wanted = found.neighbours.ravel()[slots]
        order = np.argsort(wanted, kind="stable")
        slots, wanted = slots[order], wanted[order]
        ends = np.searchsorted(wanted, np.arange(self.chunks + 1, dtype=np.int64) * self.chunk)
        yield Parcel(number, number, WEIGHTS, {"weights": weights})
        for other in np.flatnonzero(np.diff(ends)):
            part = slice(ends[other], ends[other + 1])
            first = int(other) * self.chunk
            rows = {"rows": (wanted[part] - first).astype(np.int32)}
            yield Parcel(int(other), number, ASKED, rows)
            yield Parcel(number, int(other), SLOTS, {"slots": slots[part].astype(np.int32)})

    def start(self, number: int) -> Parcel:
        """Returns the features of a chunk.

        Args:
            number: Of the chunk.
        """
        rows = np.load(self.features, mmap_mode="r")[self.span(number)]
        return Parcel(number, number, ROWS, {"h": np.asarray(rows, np.float32)})

    def answer(self, layer: int, number: int, parcels: Sequence[Parcel]) -> Iterator[Parcel]:
        """Projects the rows of a chunk, each once, and sends them to the chunks that asked.

        Args:
            layer: From 0.
            number: Of the chunk.
            parcels: Its rows, and who asked for which.

        Yields:
            An answer to each that asked.
        """
        projected: Optional[np.ndarray] = None
        for parcel in _of(parcels, ASKED):
            if projected is None:
                projected = self.arithmetic.layers[layer].project(_rows(parcels))
            rows = {"near": projected[parcel.arrays["rows"]]}
            yield Parcel(parcel.sender, number, ANSWER, rows)

    def convolve(self, layer: int, number: int, parcels: Sequence[Parcel]) -> Parcel:
        """Pools the answers that a chunk got, and returns its rows of the next layer.

        Args:
            layer: From 0; the last one gives embeddings.
            number: Of the chunk.
            parcels: Its rows, where answers belong, and the answers.
        """
        rows = _rows(parcels)
        weights = _of(parcels, WEIGHTS)[0].arrays["weights"]
        of_layer = self.arithmetic.layers[layer]
        near = np.zeros((weights.size, of_layer.neighbours[0].shape[1]), np.float32)
        slots = {parcel.sender: parcel.arrays["slots"] for parcel in _of(parcels, SLOTS)}
        for parcel in _of(parcels, ANSWER):
            near[slots[parcel.sender]] = parcel.arrays["near"]
        made = of_layer.convolve(rows, near.reshape(*weights.shape, -1), weights)
        if layer + 1 == len(self.arithmetic.layers):
            made = self.arithmetic.finish(made)
        return Parcel(number, number, ROWS, {"h": made})


def _rows(parcels: Sequence[Parcel]) -> np.ndarray:
    return _of(parcels, ROWS)[0].arrays["h"]


def _of(parcels: Sequence[Parcel], kind: str) -> List[Parcel]:
    return sorted((p for p in parcels if p.kind == kind), key=lambda parcel: parcel.sender)


def _all(span: slice) -> np.ndarray:
    return np.arange(span.start, span.stop, dtype=np.int64)


def forget_graph() -> None:
    """Closes the files of graphs that were walked along."""
    _graph.cache_clear()


@lru_cache(maxsize=2)
def _graph(folder: Path, items: int) -> Adjacency:
    """The graph, its arrays mapped: where memory is short, pages of it go again."""
    indptr, indices = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in PARTS)
    return Adjacency(indptr, indices, items)
