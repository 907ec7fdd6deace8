# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The rounds of an inference on a Ray cluster: parcels go by Ray Data's unions and group-bys."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from nnabla_compress.embeddings.chunk_files import Parcel
from nnabla_compress.embeddings.engine import Engine
from nnabla_compress.embeddings.rounds import ASKED, SLOTS, WEIGHTS, Work
from nnabla_compress.errors import CompressError, ConfigError, causes
from nnabla_compress.progress import stage

Row = Dict[str, Any]


class RayEngine(Engine):
    """Carries rounds out on the Ray cluster that this process has joined.

    All its machines must see the folder.

    Args:
        work: What is done.
        folder: Where the tables are.

    Raises:
        ConfigError: If Ray Data is not installed.
    """

    def __init__(self, work: Work, folder: Path) -> None:
        super().__init__(work, folder)
        try:
            import ray.data
        except ImportError as error:
            raise ConfigError(
                f"Ray Data is asked for, but can't be imported ({error}).",
                help="pip install 'nnabla-compress[search]', or leave ray out",
            ) from None
        self._data: Any = ray.data
        ray.data.DataContext.get_current().enable_progress_bars = False

    def ask(self) -> None:  # noqa: D102
        plain = Engine(self.work, self.folder)  # what can be sent to workers
        missing = [{"chunk": chunk} for chunk in self.asked.missing()]
        if missing:
            with stage("neighbourhoods"), _own_errors():
                self._data.from_items(missing).map(partial(_ask, plain)).materialize()

    def layer(self, layer: int) -> None:  # noqa: D102
        if not self.rows(layer).missing():
            return
        plain = Engine(self.work, self.folder)
        with stage(f"layer {layer + 1}"), _own_errors():
            every = self._data.from_items([{"chunk": chunk} for chunk in range(self.work.chunks)])
            sent = every.flat_map(partial(_sent, plain, layer)).groupby("to")
            answers = sent.map_groups(partial(_answer, plain, layer), batch_format="pandas")
            waiting = every.flat_map(partial(_waiting, plain, layer))
            met = waiting.union(answers).groupby("to")
            met.map_groups(partial(_convolve, plain, layer), batch_format="pandas").materialize()


def _ask(engine: Engine, row: Row) -> Row:
    """Writes what a chunk asks."""
    chunk = int(row["chunk"])
    engine.asked.write(chunk, engine.work.ask(chunk))
    return row


def _sent(engine: Engine, layer: int, row: Row) -> List[Row]:
    """What a chunk sends before it is answered: its rows to itself, to others what it asks."""
    chunk = int(row["chunk"])
    file = engine.asked.file(chunk)
    asked = [parcel for to in file.receivers for parcel in file.parcels(to, [ASKED])]
    return [_row(parcel) for parcel in [engine.before(layer, chunk), *asked]]


def _waiting(engine: Engine, layer: int, row: Row) -> List[Row]:
    """What a chunk has where it waits for answers: its rows, weights, and where answers belong."""
    chunk = int(row["chunk"])
    own = engine.asked.own(chunk, [WEIGHTS, SLOTS])
    return [_row(parcel) for parcel in [engine.before(layer, chunk), *own]]


def _answer(engine: Engine, layer: int, group: Any) -> Any:
    """Answers of a chunk to all that asked it."""
    chunk, parcels = _parcels(group)
    return _frame(engine.work.answer(layer, chunk, parcels))


def _convolve(engine: Engine, layer: int, group: Any) -> Any:
    """Writes the rows of a chunk."""
    import pandas

    chunk, parcels = _parcels(group)
    to = engine.rows(layer)
    if not to.path(chunk).exists():
        to.write(chunk, [engine.work.convolve(layer, chunk, parcels)])
    return pandas.DataFrame({"chunk": [chunk]})


def _row(parcel: Parcel) -> Row:
    return {
        "to": parcel.to,
        "sender": parcel.sender,
        "kind": parcel.kind,
        "content": parcel.to_bytes(),
    }


def _frame(parcels: Iterable[Parcel]) -> Any:
    import pandas

    columns = ["to", "sender", "kind", "content"]
    frame = pandas.DataFrame([_row(parcel) for parcel in parcels], columns=columns)
    return frame.astype({"to": "int64", "sender": "int64"})


def _parcels(group: Any) -> Tuple[int, List[Parcel]]:
    """The chunk that a group is for, and its parcels."""
    chunk = int(group["to"].iloc[0])
    rows = zip(group["sender"], group["kind"], group["content"])
    return chunk, [Parcel.from_bytes(chunk, int(s), str(k), bytes(c)) for s, k, c in rows]


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raises the error of ours that a worker raised, which Ray wraps."""
    try:
        yield
    except Exception as error:
        for each in causes(error):
            found = getattr(each, "cause", each)
            if isinstance(found, CompressError):
                raise found from None
        raise
