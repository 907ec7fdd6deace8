# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every plug-in does around its work: verbs carried out, results put where they belong."""

from __future__ import annotations

import csv
import os
import shutil
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, List, Mapping, Optional, Sequence, Type

from nnabla_compress.cli import group
from nnabla_compress.cli.faults import fault
from nnabla_compress.cli.streams import Streams
from nnabla_compress.console.project import data_sets, pixel_scale
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import atomic_path
from nnabla_compress.greeting import no_greeting
from nnabla_compress.models import network_file
from nnabla_compress.report.results import Results

with no_greeting():
    from nnabla.logger import logger

_SHOWN = 99  # the level of NNabla's log that Console shows
_RESULTS = "results"
_NETWORK = ".nnp"
_USAGE = 2  # exit status


class Plugin:
    r"""The work of a plug-in: at its end Console reads that it succeeded, or in one line why not.

    Args:
        title: The first line of its header.

    Example:
        >>> with Plugin("Nothing") as plugin:
        ...     plugin.path("a\\b.nnp").name
        'b.nnp'
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._streams = ExitStack()

    def __enter__(self) -> Plugin:
        self._streams.enter_context(Streams())
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        with self._streams:
            if error is None:
                logger.log(_SHOWN, f"{self._title} completed successfully.")
            elif not isinstance(error, KeyboardInterrupt):
                said, status = fault(error)
                # Of wrong usage only what is wrong: a form has no words to mend.
                said = said.rpartition("Error: ")[2] if status == _USAGE else said
                said = said or "it came to no result, and the lines above say why."
                logger.critical(f"{self._title}: {' '.join(said.split())}")
                raise SystemExit(status or 1)

    def path(self, given: str) -> Path:
        """Returns a path that Console gives, whatever separates its parts.

        Args:
            given: The value of an argument.
        """
        return Path(given if Path(given).exists() else given.replace("\\", "/"))

    def output(self, given: str, *made_of: Path) -> Path:
        """Returns the path of a file that the plug-in writes.

        Args:
            given: The value of an argument.
            made_of: What it is made of, which it must not replace.

        Raises:
            ConfigError: If it names nothing, a folder, or what it is made of.
        """
        path = self.path(given)
        if not given.strip() or path.is_dir():
            what = f"{given} is a folder" if given.strip() else "the name of an output is empty"
            raise ConfigError(f"{what}.", help="name a file, such as small.nnp")
        # A network lies there with its own ending, whatever was given.
        for place in (path, path.with_suffix(_NETWORK)):
            for source in made_of:
                if place.exists() and source.exists() and place.samefile(source):
                    raise ConfigError(
                        f"the output {given} would replace {source}, which it is made from.",
                        help="give the output another name",
                    )
        return path

    def table_at(self, output: Path, model: Path) -> Path:
        """Returns where the table of a plug-in goes that changes no network.

        NNC Desktop takes a network from every plug-in: it gets the one that was looked at, and the
        table lies beside that.

        Args:
            output: The output.
            model: The network.
        """
        if output.suffix != _NETWORK:
            return output
        self.copy(network_file(model), output)
        return output.with_suffix(".csv")

    def carry_out(self, *words: object) -> None:
        """Carries out a verb of the command line; its tables go to Console's log.

        Args:
            words: The verb and its arguments.

        Raises:
            CompressError: For what a user can mend.
        """
        group.main([str(word) for word in words], "nnabla-compress", standalone_mode=False)

    def run_folder(self, output: Path) -> Path:
        """Returns a new folder beside an output for the run that makes it.

        Args:
            output: The file that the plug-in gives.
        """
        for number in count(1):
            name = output.stem if number == 1 else f"{output.stem}_{number}"
            folder = output.with_name(name)
            if not folder.exists():
                break
        return folder

    def data(self, model: Path, given: Optional[str]) -> List[str]:
        """Returns the words of a verb for a data set, none if there is none.

        Args:
            model: The network that reads it.
            given: The CSV file, or several with commas between.
        """
        if not given:
            return []
        scale = pixel_scale(model)
        files = ",".join(str(self.path(each)) for each in given.split(","))
        words = ["--data", files]
        return words if scale is None else [*words, "--scale", str(scale)]

    def training(self, model: Path, epochs: int, given: Optional[str]) -> List[str]:
        """Returns the words of a verb for a training.

        Args:
            model: The network.
            epochs: How long it is trained; 0 for not at all.
            given: The CSV file to learn from; by default that of the project.

        Raises:
            ConfigError: If there is to be a training, and there is none.
        """
        return [*self.learned_from(model, given), "--epochs", str(epochs)] if epochs else []

    def learned_from(self, model: Path, given: Optional[str]) -> List[str]:
        """Returns the words of a verb for data with labels.

        Args:
            model: The network.
            given: The CSV file; by default that of the project.

        Raises:
            ConfigError: If there is none.
        """
        own = ",".join(map(os.fspath, data_sets(model)))
        given = given or own
        if not given:
            raise ConfigError(
                f"no data set is named, and the one that {model} was trained on is not on this "
                "machine.",
                help="name a CSV file with inputs and labels as training_data",
            )
        return self.data(model, given)

    def give(self, folder: Path, output: Path, stem: str = _RESULTS) -> None:
        """Puts the network of a run, and what the device loads, where the user wants it.

        Args:
            folder: The run folder.
            output: The ``.nnp``; the ``.nnb`` lies beside it.
            stem: What the network is called in the folder.
        """
        for ending in (_NETWORK, ".nnb"):
            made = folder / f"{stem}{ending}"
            if made.is_file():
                self.copy(made, output.with_suffix(ending))

    def copy(self, made: Path, output: Path) -> None:
        """Puts a file of a run where the user wants it.

        Args:
            made: The file.
            output: Its place.
        """
        with atomic_path(output) as temporary:
            shutil.copyfile(made, temporary)
        self.say(f"written: {output}, {output.stat().st_size:,} bytes")

    def layers(self, folder: Path, table: Optional[str]) -> None:
        """Writes the table of layers of a run, if it is asked for.

        Args:
            folder: The run folder.
            table: The CSV file.
        """
        if table:
            self.write_table(self.output(table), Results.read(folder).layers or [])

    def write_table(self, path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes a table that Console shows.

        Args:
            path: The CSV file.
            rows: Values by column, the same columns in each.
        """
        with atomic_path(path) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(rows[0] if rows else [])
                writer.writerows(row.values() for row in rows)
        self.say(f"written: {path}")

    def say(self, line: str) -> None:
        """Shows a line in Console's log.

        Args:
            line: The line.
        """
        logger.log(_SHOWN, line)
