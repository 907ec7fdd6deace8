# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From a network to a folder: ``.nnp``, ``.nnb``, C source, kernels, sizes and notes.

Every verb that exports does it here, so that each writes the same files and says the same of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.c_kernels import copy_sources
from nnabla_compress.errors import (
    ConfigError,
    DataError,
    FixedBatchError,
    UnsupportedFunctionError,
)
from nnabla_compress.exporters import (
    ExportReport,
    NnbReport,
    export_c,
    export_nnb,
    export_nnp,
    nnb_report,
)
from nnabla_compress.exporters.c_source import compile_command
from nnabla_compress.exporters.console_project import ProjectLoss, write_project
from nnabla_compress.exporters.sizes import FloatSizes
from nnabla_compress.files import temporary_folder
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.inspection.obstacles import refuse_missing
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.lowering.inference import Variables
from nnabla_compress.lowering.storage import FLOAT
from nnabla_compress.memory import forget, give_back
from nnabla_compress.nnb import read_nnb
from nnabla_compress.progress import stage
from nnabla_compress.recipes import ExportPart
from nnabla_compress.runs.deployed import deployed, deployed_layers
from nnabla_compress.runs.exit_files import ExitFiles, export_exits
from nnabla_compress.safe_names import shell_word
from nnabla_compress.simulator.packed import needs_callbacks
from nnabla_compress.targets import target_named
from nnabla_compress.training.evaluate import Build, Made, outputs_of
from nnabla_compress.turns import one_at_a_time


class Exported(NamedTuple):
    """What an export wrote.

    Args:
        report: Bits and bytes of each layer, and what a user should know.
        paths: The files, the ``.nnp`` first.
        sizes: Of the ``.nnb``, also where only C source was made of it; None if there was none.
        prefer: What was preferred where decoding a weight takes memory.
        exits: Files of single exits, if they were wanted.
    """

    report: ExportReport
    paths: List[Path]
    sizes: Optional[NnbReport] = None
    prefer: str = "flash"
    exits: Optional[ExitFiles] = None

    def as_dict(self) -> Dict[str, Any]:
        """Returns what ``results.json`` says of the export."""
        found: Dict[str, Any] = {
            "nnp_bytes": self.paths[0].stat().st_size,
            "float_weight_bytes": self.report.float_bytes,
            "packed_weight_bytes": self.report.packed_bytes,
            "entropy_coded_weight_bytes": self.report.entropy_coded_bytes,
            "read_back": {
                "largest_difference": self.report.largest_difference,
                "tolerance": self.report.tolerance,
            },
        }
        sizes = self.sizes
        notes = [*self.report.notes, *(sizes.warnings(self.prefer) if sizes is not None else [])]
        if notes:
            found["notes"] = notes
        if self.commands:
            found["commands"] = self.commands
        if self.exits is not None:
            found["exits"] = self.exits.said
        return found if sizes is None else {**found, **sizes.as_dict()}

    @property
    def commands(self) -> Dict[str, str]:
        """What to type to make the ``.nnb`` by NNabla's own converter, and to compile C files."""
        nnp = self.paths[0]
        found = {}
        if nnp.with_suffix(".settings.yaml") in self.paths:
            files = [nnp.with_suffix(end) for end in (".settings.yaml", ".nnp", ".nnb")]
            batch_size = 1
            if files[-1] in self.paths:  # this one is smaller than the converter's: it stays
                network = read_nnb(files[-1])
                files[-1] = nnp.with_suffix(".converted.nnb")
                batch_size = network.variables[network.inputs[0]].shape[0]
            names = " ".join(map(shell_word, files))
            found["convert"] = (
                "nnabla_cli convert -d nnb_3 --nnp-no-expand-network "
                f"--api {self.report.api} -b {batch_size} -s {names}"
            )
        if self.exits is not None and self.exits.command is not None:
            found["compile exits"] = self.exits.command
        others = [] if self.exits is None else self.exits.paths
        compiled = compile_command([path for path in self.paths if path not in others])
        if compiled is not None:
            found["compile"] = compiled
        return found


@one_at_a_time
def export_network(
    nnp: Path,
    inputs: Inputs,
    build: Build,
    part: ExportPart,
    float_network: Optional[FloatSizes] = None,
) -> Exported:
    """Writes a network of a run.

    It ends in the activation that the stored network ended in, unless the target lacks that
    function: then in logits. Of a network on a graph of nodes the layers between its propagations
    are written, side by side, and each into files of its own.

    Args:
        nnp: The ``.nnp`` file; the others are called after it.
        inputs: The run's inputs, which know how the network ended.
        build: The network, its parameters in the current scope.
        part: Which files, for what.
        float_network: What the network takes in float; by default it is measured.

    Raises:
        CompressError: If the network can't be exported.
    """
    layers = deployed_layers(inputs, build)
    inputs, build = deployed(inputs, build)
    given, made = _built(inputs, build)
    logits, finished = outputs_of(made), outputs_of(inputs.finish(made))
    samples = _samples(inputs, list(given), part.samples)
    only = inputs.only_batch
    known = {"notes": inputs.notes, "float_network": float_network}
    loss = _project_loss(inputs, part)
    try:
        exported = export_graph(nnp, finished, given, part, samples, only, loss, **known)
    except UnsupportedFunctionError:
        if finished == logits:
            raise
        exported = export_graph(nnp, logits, given, part, samples, only, loss, **known)
    if part.exits is not None:
        exported = with_exits(nnp, exported, Network(given, logits), part, samples)
    paths = list(exported.paths)
    for number, layer in enumerate(layers, 1) if len(layers) > 1 else ():
        rows = None if samples is None else {"x": samples[f"x{number}"]}
        path = nnp.with_name(f"{nnp.stem}-layer{number}.nnp")
        alone = part.model_copy(update={"console": None})
        paths += export_graph(path, layer.outputs, layer.inputs, alone, rows).paths
    return exported._replace(paths=paths)


def with_exits(
    nnp: Path,
    exported: Exported,
    network: Network,
    part: ExportPart,
    samples: Optional[Mapping[str, np.ndarray]] = None,
) -> Exported:
    """Writes the exits of a network in files of their own, beside that of all of it.

    Args:
        nnp: The ``.nnp`` of the whole network.
        exported: What was written of it.
        network: The network.
        part: Which files, for what.
        samples: As of :func:`export_graph`.

    Raises:
        CompressError: If the network has no exits, or they can't be exported so.
    """
    alone = part.model_copy(update={"console": None, "exits": None})

    def write(path: Path, outputs: Any, inputs: Any) -> Exported:
        known = samples if samples is not None and set(inputs) == set(samples) else None
        return export_graph(path, dict(outputs), dict(inputs), alone, known)

    files = export_exits(nnp, network, part, write)
    # Kernels are written for the whole network, too, and stay its own.
    more = [path for path in dict.fromkeys(files.paths) if path not in exported.paths]
    return exported._replace(paths=[*exported.paths, *more], exits=files._replace(paths=more))


@one_at_a_time
def check_exportable(inputs: Inputs, part: ExportPart) -> None:
    """Refuses what the export would refuse in the end, before any long work.

    That is a network with a function which the target lacks, and missing samples.

    A last activation that is missing is none: the export then ends before it.

    Args:
        inputs: The run's inputs.
        part: What is to be written.

    Raises:
        ConfigError: If the target needs samples and there are none.
        UnsupportedFunctionError: For the first such function, with its place and a way out.
        DataError: If a project of Console is wanted and the network has no loss that is known, or
            the ``.nnb`` is to be scored and can't be.
    """
    check_samples(part.target, inputs.splits is not None)
    _check_score(inputs, part)
    with own_parameters(), nn.auto_forward(False):
        given, made = _built(*deployed(inputs, inputs.build))
        refuse_missing(list(outputs_of(made).values()), list(given.values()), part.target)
    _project_loss(inputs, part)


def _check_score(inputs: Inputs, part: ExportPart) -> None:
    if not part.score:
        return
    lacks = None
    if inputs.splits is None:
        lacks = "there are no data"
    elif not inputs.has_answer:
        lacks = "it has several outputs, and a loss acts on one"
    elif deployed_layers(inputs, inputs.build):
        lacks = "it holds the layers between the propagations over a graph of nodes"
    if lacks is not None:
        raise DataError(
            f"the .nnb can't be scored: {lacks}.", help="leave out score (in the shell --score)"
        )


def check_samples(target: str, given: bool) -> None:
    """Refuses a target that chooses number formats from samples where there are none.

    Args:
        target: Name of the target.
        given: Whether there are data.

    Raises:
        ConfigError: If it needs them, or there is no such target.
    """
    chosen = target_named(target)
    if chosen.needs_samples and not given:
        raise ConfigError(
            f"target {target!r} chooses number formats from samples, and there are no data.",
            help="add --data (or --recipe-data; in a recipe data:), some hundred samples without "
            "labels; or choose a target of float maps: portable, integer or callback",
        )


def _built(inputs: Inputs, build: Build) -> Tuple[Dict[str, nn.Variable], Made]:
    """The network's inputs by name, and what it gives, without a last activation."""
    x = inputs.variables()
    given = {"x": x} if isinstance(x, nn.Variable) else dict(x)
    return given, build(x, True)


@one_at_a_time
def export_graph(
    nnp: Path,
    outputs: Made,
    inputs: Variables,
    part: ExportPart,
    samples: Optional[Mapping[str, np.ndarray]] = None,
    only_batch: Optional[int] = None,
    loss: Optional[ProjectLoss] = None,
    **known: Any,
) -> Exported:
    """Writes a graph as all the files that are wanted of it.

    Args:
        nnp: The ``.nnp`` file; the others are called after it.
        outputs: As of :func:`~nnabla_compress.exporters.export_nnp`.
        inputs: Likewise.
        part: Which files, for what.
        samples: Inputs that targets choose number formats from.
        only_batch: The only number of samples that the graph is computed with; None: any.
        loss: What the network learns, for a project of Console.
        known: Further arguments of :func:`~nnabla_compress.exporters.export_nnp`.

    Raises:
        CompressError: If the network can't be exported.
    """
    rows = _rows(only_batch, part.batch_size)
    options = {**part.options, **known, "batch_size": only_batch or 1}
    numbers = sum(int(x.size) for x in leaves(outputs_of(outputs).values()))
    forget(numbers)  # what was built before
    with stage(f"writing {nnp.name}"):
        report = export_nnp(
            nnp, outputs, inputs, target=part.target, api=part.api, samples=samples, **options
        )
    beside = [nnp.with_suffix(ending) for ending in (".settings.yaml", ".reference.nnp")]
    paths = [nnp, *(path for path in beside if path.exists())]
    if part.console is not None and loss is not None:
        written, notes = _project(nnp, outputs, inputs, part, loss, options["batch_size"])
        paths, report = [*paths, *written], replace(report, notes=(*report.notes, *notes))
    if rows != (only_batch or 1):
        # The network in float was measured with the batch size of the .nnp.
        report = replace(report, float_sizes=None)
    if not (part.nnb or part.c):
        return Exported(report, paths)
    forget(numbers)  # what the .nnp was made of
    give_back()
    # C source alone is made of an .nnb, too, which then is not kept.
    with temporary_folder() as temporary:
        nnb = (nnp if part.nnb else temporary / nnp.name).with_suffix(".nnb")
        with stage(f"writing {nnb.name}"):
            export_nnb(nnb, nnp, api=part.api, batch_size=rows)
        paths += [nnb] if part.nnb else []
        if needs_callbacks(read_nnb(nnb)):
            paths += copy_sources(nnp.parent)
        if part.c:
            with stage("writing C source"):
                paths += export_c(nnp.with_suffix(".c"), nnb)
        sizes = nnb_report(nnb, report.float_sizes)
        return Exported(report, paths, sizes, part.prefer)


def _project_loss(inputs: Inputs, part: ExportPart) -> Optional[ProjectLoss]:
    """What a network learns, if a project is wanted."""
    if part.console is None:
        return None
    if not inputs.one_output:
        raise ConfigError(
            "a project of Console ends in a loss, which acts on one output; the network has "
            "several.",
            help="leave --console out",
        )
    loss = inputs.loss
    return ProjectLoss(loss.name, getattr(loss, "axis", 1), getattr(loss, "delta", 1.0))


def _project(
    nnp: Path,
    outputs: Made,
    inputs: Variables,
    part: ExportPart,
    loss: ProjectLoss,
    batch_size: int,
) -> Tuple[List[Path], List[str]]:
    """Writes the project of Console beside an ``.nnp``; returns the files, and what to know."""
    path = nnp.with_suffix(".console.nnp")
    notes: List[str] = []
    with temporary_folder() as temporary, stage(f"writing {path.name}"):
        plain, storage = temporary / nnp.name, str(part.console)
        while True:
            try:
                export_nnp(plain, outputs, inputs, storage=storage, batch_size=batch_size)
                return write_project(path, plain, loss), notes
            except (ConfigError, UnsupportedFunctionError) as error:
                if storage == FLOAT:
                    raise
                notes.append(f"{path.name} holds floats: {error.message.rstrip('.')}")
                storage = FLOAT


def _rows(only: Optional[int], wanted: int) -> int:
    """The batch size of an ``.nnb``: the one that is written into the network, if one is.

    Raises:
        FixedBatchError: If another one is asked for.
    """
    if only is None or wanted in (1, only):
        return only or wanted
    raise FixedBatchError(
        f"the network can be computed with {only} samples at a time only, {wanted} are asked for.",
        help=f"leave the batch size out, or give {only}",
        rows=only,
    )


def _samples(inputs: Inputs, names: Sequence[str], count: int) -> Optional[Dict[str, np.ndarray]]:
    """Inputs that targets choose number formats from; None without data."""
    if inputs.splits is None:
        return None
    arrays = inputs.drawn(count).arrays
    return arrays if len(names) > 1 else dict(zip(names, arrays.values()))
