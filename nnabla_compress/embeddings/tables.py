# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parcels between chunks on disk: a folder with a file for each chunk that sends any."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from nnabla_compress.embeddings.chunk_files import Parcel, ParcelFile, write_parcels


class Table:
    """Parcels in a folder.

    Args:
        folder: The folder; made with the first file.
        senders: How many files there are when all are written.
    """

    def __init__(self, folder: Path, senders: int) -> None:
        self.folder, self.senders = folder, senders
        self._open: Dict[int, ParcelFile] = {}

    def path(self, sender: int) -> Path:
        """Returns where the file of what a chunk sends is.

        Args:
            sender: The chunk.
        """
        return self.folder / f"{sender:06d}.rows"

    def missing(self) -> List[int]:
        """Returns the chunks whose files are not written."""
        return [sender for sender in range(self.senders) if not self.path(sender).exists()]

    def write(self, sender: int, parcels: Iterable[Parcel]) -> None:
        """Writes what a chunk sends, whole or not at all.

        Args:
            sender: The chunk.
            parcels: What it sends.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_parcels(self.path(sender), parcels)

    def file(self, sender: int) -> ParcelFile:
        """Returns what a chunk sends, its index read once.

        Args:
            sender: The chunk.
        """
        if sender not in self._open:
            self._open[sender] = ParcelFile(self.path(sender))
        return self._open[sender]

    def to(self, chunk: int, kinds: Optional[Sequence[str]] = None) -> List[Parcel]:
        """Returns all parcels for a chunk: its group.

        Args:
            chunk: The chunk.
            kinds: Only these.
        """
        found: List[Parcel] = []
        for sender in range(self.senders):
            found += self.file(sender).parcels(chunk, kinds)
        return found

    def own(self, chunk: int, kinds: Optional[Sequence[str]] = None) -> List[Parcel]:
        """Returns what a chunk sends to itself.

        Args:
            chunk: The chunk.
            kinds: Only these.
        """
        return self.file(chunk).parcels(chunk, kinds)

    def remove(self) -> None:
        """Removes the files and the folder; nothing if they are not there."""
        for sender in range(self.senders):
            if self.path(sender).exists():
                self.path(sender).unlink()
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
