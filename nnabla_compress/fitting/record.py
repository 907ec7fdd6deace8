# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a fit tried and found: ``fit.json`` as a value, with one writer and one reader."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.errors import DataError
from nnabla_compress.fitting.limits import Sizes

NAME = "fit.json"
BEGUN, DONE, FAILED, NOT_BEGUN = "begun", "done", "failed", "not begun"
"""What became of an attempt."""
_MEND = "begin again in another folder with -o"


@dataclass
class Attempt:
    """A network that was made to be small enough, and what came of it.

    Args:
        name: Its name, and that of its run folder beside ``fit.json``.
        measure: The kind of measure.
        target: What it was exported for.
        what: What was done, in words.
        why: Why that came next.
        key: Checksum of its recipe.
        state: What became of it.
        said: What was gained; why it failed, or was not begun.
        file: Bytes of the ``.nnb``.
        code: Bytes of the C kernels that it needs.
        ram: Bytes of the runtime's buffers.
        accuracy: Share of right answers on the held-out samples, 0 to 1; for targets that are
            numbers, 1 - loss / loss of their mean.
        drop: Points that this is below the float network's.
        fits: Whether all limits are kept.
        cpu_seconds: Time of the processor.
        seconds: Time on the clock.
    """

    name: str
    measure: str
    target: str
    what: str
    why: str
    key: str
    state: str = NOT_BEGUN
    said: str = ""
    file: Optional[int] = None
    code: Optional[int] = None
    ram: Optional[int] = None
    accuracy: Optional[float] = None
    drop: Optional[float] = None
    fits: bool = False
    cpu_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def sizes(self) -> Optional[Sizes]:
        """What its network takes; None if there is none."""
        if self.file is None or self.ram is None:
            return None
        return Sizes(self.file, self.code or 0, self.ram)


@dataclass
class FitRecord:
    """What was asked for, tried and found.

    Args:
        asked: The network, the data and the limits.
        versions: Of what the results depend on.
        date: When it began, as 2026-12-31.
        measured: The float network: its sizes, its accuracy, the samples that this is of.
        reachable: For each target what the float network takes, and what the smallest codes leave.
        attempts: What was tried, in order.
        answer: Name of the attempt that keeps all limits; None if none does.
        test: Scores of the answer, or of what came nearest, on the test samples.
        help: Where none does: what came nearest on each side, and what would help.
        ended: Whether it has come to its end.
    """

    asked: Dict[str, Any]
    versions: Dict[str, str]
    date: str
    measured: Dict[str, Any] = field(default_factory=dict)
    reachable: Dict[str, Any] = field(default_factory=dict)
    attempts: List[Attempt] = field(default_factory=list)
    answer: Optional[str] = None
    test: Dict[str, Any] = field(default_factory=dict)
    help: List[str] = field(default_factory=list)
    ended: bool = False

    @property
    def fits(self) -> bool:
        """Whether an attempt keeps all limits."""
        return self.answer is not None

    def named(self, name: str) -> Optional[Attempt]:
        """Returns an attempt by its name.

        Args:
            name: The name.
        """
        return next((each for each in self.attempts if each.name == name), None)

    def as_dict(self) -> Dict[str, Any]:
        """Returns the content of ``fit.json``."""
        return {**asdict(self), "fits": self.fits}

    def write(self, folder: Path) -> None:
        """Writes ``fit.json``, whole or not at all.

        Args:
            folder: Where it goes.

        Raises:
            ConfigError: If it can't be written.
        """
        write_record(folder / NAME, self.as_dict())

    @classmethod
    def read(cls, folder: Path) -> FitRecord:
        """Reads the ``fit.json`` of a folder.

        Args:
            folder: The folder.

        Raises:
            DataError: If it is missing, damaged, or holds no fit.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     FitRecord({}, {}, "2026-12-31").write(Path(folder))
            ...     FitRecord.read(Path(folder)).date
            '2026-12-31'
        """
        content = read_record(folder / NAME, _MEND)
        try:
            made = _known(cls, content)
            made.attempts = [_known(Attempt, each) for each in content["attempts"]]
        except (TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{folder / NAME} holds no fit: {error}.", help=_MEND) from None
        return made


def _known(kind: Any, content: Mapping[str, Any]) -> Any:
    names = [entry.name for entry in fields(kind)]
    return kind(**{name: content[name] for name in names if name in content})
