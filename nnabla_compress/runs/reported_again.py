# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reports of what exists: run folders, several of them, files; measured again where asked."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Sequence

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import write_json
from nnabla_compress.graph.network import Network
from nnabla_compress.inspection.recovered import recovered_network
from nnabla_compress.inspection.summary import summary
from nnabla_compress.loading.inputs import Inputs, OtherData
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.models import NnpFile, holds_network
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.report.weights import histogram_rows, weight_histograms
from nnabla_compress.runs.doubts import scored
from nnabla_compress.runs.finished import float_network, open_run, trained_network
from nnabla_compress.runs.measured import Measured
from nnabla_compress.runs.reported import (
    REPORT,
    SENSITIVITY,
    Reported,
    reported_run,
    reported_table,
    write_report,
)
from nnabla_compress.runs.results import Tell, score_as_dict, versions
from nnabla_compress.safe_names import shell_word
from nnabla_compress.training.evaluate import Build, outputs_of
from nnabla_compress.turns import one_at_a_time

_PAGES = (".html", ".htm")
_RESULTS = "results.json"
_OF_RUN = (_RESULTS, "recipe.yaml")


@one_at_a_time
def report(
    paths: Sequence[Path],
    output: Optional[Path] = None,
    measure: bool = False,
    trust: bool = False,
    other: Optional[OtherData] = None,
    tell: Tell = lambda line: None,
) -> Path:
    """Writes the report of a run or a file, or one that compares several runs.

    Args:
        paths: Run folders, folders of them as 'fit' and 'sweep' leave them, ``results.json``, a
            ``sensitivity.json`` or its folder, or an ``.nnp``.
        output: The file, ``.html``, or a folder for ``report.html``; by default that in the folder
            of a run, else here.
        measure: Whether to run both networks of a run again, for what needs data; the numbers are
            written beside the report, as ``.json``.
        trust: Whether the Python code that a run folder names may run then.
        other: Data instead of the run's own.
        tell: Called with what could not be measured.

    Returns:
        The file.

    Raises:
        CompressError: If there is no such run, or a file can't be read or written.
    """
    for path in paths:
        if not path.exists():
            raise ConfigError(f"there is no {path}.", help="name run folders, or a file")
    paths = [each for path in paths for each in _meant(path)]
    if measure and (len(paths) > 1 or not paths[0].is_dir() or holds_network(paths[0])):
        raise ConfigError("one run is measured at a time.", help="name one run folder")
    every = [_reported(path) for path in paths]
    if len(every) > 1 and not all(_is_run(path) for path in paths):
        raise ConfigError("only runs can be compared.", help="name run folders, or one file alone")
    if output is None:
        output = (paths[0] if paths[0].is_dir() and len(paths) == 1 else Path(".")) / REPORT
    elif output.suffix.lower() not in _PAGES:
        if output.is_file():
            raise ConfigError(
                f"{output} is a file, and no page.",
                help=f"name a folder, or a page such as {shell_word(output.with_suffix('.html'))}",
            )
        output = output / REPORT
    elif output.is_dir():
        output = output / REPORT
    if measure:
        (reported,) = every
        numbers = output.with_suffix(".json")
        if numbers.exists() and numbers.samefile(paths[0] / _RESULTS):
            raise ConfigError(
                f"the numbers of {output} would replace {numbers}, those of the run.",
                help="call the page otherwise",
            )
        _measure(paths[0], reported, output.parent, trust, other, tell)
        write_json(numbers, reported.results.as_dict(), rows=True)
    write_report(every, output)
    return output


def _meant(path: Path) -> List[Path]:
    """What a folder stands for that is no run: the runs in it, or its sensitivities."""
    if not path.is_dir() or holds_network(path) or any((path / name).exists() for name in _OF_RUN):
        return [path]
    runs = sorted(each for each in path.iterdir() if (each / _RESULTS).is_file())
    table = path / SENSITIVITY
    return runs or [table if table.is_file() else path]


def _is_run(path: Path) -> bool:
    return (path.is_dir() and not holds_network(path)) or path.name == _RESULTS


def _reported(path: Path) -> Reported:
    if path.is_file() and path.suffix == ".json":
        return reported_run(path) if path.name == _RESULTS else reported_table(path)
    if holds_network(path):
        return _file(path)
    if path.is_file():
        known = other_format(path)
        raise DataError(
            f"{path} is {'something else' if known is None else known[0]}, not a run or a network.",
            help="name run folders, one .nnp, or one results.json or sensitivity.json",
        )
    return reported_run(path)


def _file(path: Path) -> Reported:
    """What a report of an ``.nnp`` is about."""
    found = summary(path)
    network = found.networks[0]
    results = Results(path.name, 0, versions(), "")
    part = results.float
    part.nnp_bytes, part.parameters, part.macs = found.bytes, network.parameters, network.macs
    part.notes = [f"{each.place}: {each.reason}" for each in network.obstacles]
    results.layers = [
        {
            "name": row.name,
            "type": row.type,
            "shape": list(row.shape),
            "weights": _product(row.shape),
            "distinct": row.distinct,
            "bits": row.weights.bits or 32,
            "packed_bytes": row.packed_bytes or 4 * _product(row.shape),
            "float_bytes": 4 * _product(row.shape),
        }
        for row in network.layers
    ]
    if any(row.packed_bytes is not None for row in network.layers):
        part.packed_weight_bytes = sum(row["packed_bytes"] for row in results.layers)
    with own_parameters():
        made = NnpFile(path).build(network.name)
        recovered = recovered_network(path, made)
        measured = Measured(path.parent, lambda line: None)
        measured.costs(made.giving(recovered.outputs), part)
        results.histograms = histogram_rows({}, weight_histograms(recovered.outputs))
    return Reported(results, shell_word(path), of_file=True)


def _product(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _measure(
    folder: Path,
    reported: Reported,
    output: Path,
    trust: bool,
    other: Optional[OtherData],
    tell: Tell,
) -> None:
    run, results = open_run(folder, trust), reported.results
    if not run.recipe.compresses:
        raise ConfigError(
            f"the run in {folder} compresses nothing.", help="leave --data and --measure out"
        )
    measured = Measured(output, tell)
    with trained_network(run, other) as (inputs, build):
        with float_network(run, inputs) as before:
            _score(measured, inputs, before, results.float, True)
            measured.float_network(_network(inputs, before), inputs, results.float)
        if results.compressed is None:
            results.compressed = NetworkResults()
        _score(measured, inputs, build, results.compressed, False)
        measured.compressed_network(_network(inputs, build), inputs, results)
    reported.pictures = reported_run(output, results).pictures


def _score(
    measured: Measured, inputs: Inputs, build: Build, part: NetworkResults, of_float: bool
) -> None:
    """Scores a network on the data, if there is anything to score."""
    split = inputs.test if inputs.splits is not None else None
    if split is None or not split.labelled or not inputs.has_answer:
        return
    with measured.answers(of_float) as see:
        found = score_as_dict(scored(inputs, build, split, see=see))
    for name, value in found.items():
        setattr(part, name, value)


def _network(inputs: Inputs, build: Build) -> Network:
    x = inputs.variables()
    given = dict(x) if isinstance(x, dict) else {"x": x}
    return Network(given, outputs_of(build(x, True)))
