# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla monitors that go on after a resume instead of starting their files anew."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np
from nnabla.monitor import Monitor, MonitorSeries, MonitorTimeElapsed

from nnabla_compress.files import write_error
from nnabla_compress.kept_folders import check_kept
from nnabla_compress.reading import read_text

_MOST_BYTES = 2**28
_SERIES = ".series.txt"
Series = List[List[Union[int, float]]]


class Monitors:
    """The series of one training, in files that NNabla's plots and Neural Network Console read.

    Args:
        folder: Where ``<name>.series.txt`` and ``Training-time.timer.txt`` go.
        start: Iteration to go on from: entries at or after it are dropped, earlier ones kept.
        interval: Iterations that an entry of a training series is the mean of.
        pending: What :meth:`pending` returned at iteration ``start``.
    """

    def __init__(
        self,
        folder: Path,
        start: int = 0,
        interval: int = 10,
        pending: Optional[Dict[str, Any]] = None,
    ) -> None:
        self.folder = folder
        self.start = start
        self._restored = pending or {}
        self.interval = interval
        self._monitor = Monitor(str(folder))
        self._series: Dict[str, MonitorSeries] = {}
        timer = folder / "Training-time.timer.txt"
        kept = self._kept(timer)
        self._time = MonitorTimeElapsed("Training time", self._monitor, interval=100, verbose=False)
        timer.write_text(kept, encoding="utf-8")

    def add(self, name: str, iteration: int, value: float, every: bool = False) -> None:
        """Adds a value to a series.

        Args:
            name: Name of the series, such as "Training loss".
            iteration: Updates done so far.
            value: The value.
            every: Write each value instead of means over ``interval``.

        Raises:
            ConfigError: If it can't be written.
        """
        if name not in self._series:
            check_kept(self.folder)
            path = self.folder / f"{name.replace(' ', '-')}{_SERIES}"
            kept = self._kept(path)
            self._series[name] = MonitorSeries(
                name, self._monitor, interval=1 if every else self.interval, verbose=False
            )
            with self._written():
                path.write_text(kept, encoding="utf-8")
            self._series[name].flush_at, self._series[name].buf = self._restored.pop(
                name, (self.start - 1, [])
            )
        with self._written():
            self._series[name].add(iteration, value)

    def pending(self) -> Dict[str, Any]:
        """Returns the values that are not written yet, as JSON takes them, for a checkpoint."""
        series = {name: (s.flush_at, [float(v) for v in s.buf]) for name, s in self._series.items()}
        return {**self._restored, **series}

    def tick(self, iteration: int) -> None:
        """Notes the time."""
        with self._written():
            self._time.add(iteration)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            check_kept(self.folder)
            raise write_error(self.folder, error) from error

    def _kept(self, path: Path) -> str:
        if not path.exists():
            return ""
        lines = read_text(path, limit=_MOST_BYTES).splitlines(keepends=True)
        # The last line of a killed run may be cut.
        whole = [line for line in lines if line.endswith("\n") and line.split()[:1]]
        return "".join(line for line in whole if float(line.split()[0]) < self.start)


def series_of(folder: Path, most_points: int = 200, most_series: int = 24) -> Dict[str, Series]:
    """Reads the series that the monitors of a training wrote, by name.

    Args:
        folder: The folder of the training.
        most_points: A longer series becomes means of neighbours, at most so many.
        most_series: Further ones are left out.

    Returns:
        Lists of ``[update, value]``, the updates from 1; empty without such a folder.

    Raises:
        CompressError: If a file is larger than any training's, or no file.
    """
    found: Dict[str, Series] = {}
    for path in sorted(folder.glob(f"*{_SERIES}"))[:most_series]:
        try:
            rows = [line.split()[:2] for line in read_text(path, limit=_MOST_BYTES).splitlines()]
            points = np.array([row for row in rows if len(row) == 2], np.float64).reshape(-1, 2)
        except (OSError, ValueError):
            continue
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            name = path.name[: -len(_SERIES)].replace("-", " ")
            found[name] = _thinned(points + (1, 0), most_points)
    return found


def _thinned(points: np.ndarray, most: int) -> Series:
    parts = np.array_split(points, min(len(points), most))
    return [[int(part[-1, 0]), float(f"{part[:, 1].mean():.6g}")] for part in parts]
