# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Who carries the rounds of an inference out; here this process, with parcels in files."""

from __future__ import annotations

from pathlib import Path

from nnabla_compress.embeddings.chunk_files import Parcel
from nnabla_compress.embeddings.rounds import ASKED, SLOTS, WEIGHTS, Work
from nnabla_compress.embeddings.tables import Table
from nnabla_compress.progress import tracked


class Engine:
    """Carries rounds out, one chunk after the other; a subclass does so elsewhere.

    What a layer gives is in files, whoever carries it out. Chunks that have theirs are not computed
    again, so that work that was killed, or for which there was no room, goes on where it was.

    Args:
        work: What is done.
        folder: Where the tables are.
    """

    def __init__(self, work: Work, folder: Path) -> None:
        self.work, self.folder = work, folder
        self.asked = Table(folder / "asked", work.chunks)

    def rows(self, layer: int) -> Table:
        """Returns the rows that a layer gives.

        Args:
            layer: From 0.
        """
        return Table(self.folder / f"layer{layer + 1}", self.work.chunks)

    def before(self, layer: int, chunk: int) -> Parcel:
        """Returns the rows of a chunk that a layer reads.

        Args:
            layer: From 0; the first one reads the features.
            chunk: The chunk.
        """
        return self.rows(layer - 1).own(chunk)[0] if layer else self.work.start(chunk)

    def ask(self) -> None:
        """Has all chunks ask their neighbours, but those that have done so."""
        missing = self.asked.missing()
        for chunk in tracked("neighbourhoods", missing, len(missing)):
            self.asked.write(chunk, self.work.ask(chunk))

    def layer(self, layer: int) -> None:
        """Computes the rows that a layer gives, but those that are there.

        Args:
            layer: From 0.
        """
        to, answers = self.rows(layer), Table(self.folder / f"answers{layer + 1}", self.work.chunks)
        if to.missing():
            missing = answers.missing()
            for chunk in tracked(f"layer {layer + 1}, answers", missing, len(missing)):
                parcels = [self.before(layer, chunk), *self.asked.to(chunk, [ASKED])]
                answers.write(chunk, self.work.answer(layer, chunk, parcels))
            missing = to.missing()
            for chunk in tracked(f"layer {layer + 1}", missing, len(missing)):
                own = [self.before(layer, chunk), *self.asked.own(chunk, [WEIGHTS, SLOTS])]
                parcels = [*own, *answers.to(chunk)]
                to.write(chunk, [self.work.convolve(layer, chunk, parcels)])
        answers.remove()
