# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Why a run lost accuracy: its network on its data, or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.diagnose import Diagnosis, diagnose
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import write_json
from nnabla_compress.graph.network import Network
from nnabla_compress.loading.inputs import Inputs, OtherData
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.report.results import Results
from nnabla_compress.runs.finished import float_network, open_run, trained_network
from nnabla_compress.runs.reported import FINDINGS, renew_report
from nnabla_compress.runs.results import Tell
from nnabla_compress.safe_names import shell_word
from nnabla_compress.training.evaluate import Build, outputs_of
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def diagnose_run(
    folder: Path,
    samples: int = 64,
    trust: bool = False,
    other: Optional[OtherData] = None,
    data: str = "",
    tell: Tell = lambda line: None,
) -> Diagnosis:
    """Looks for what cost a run its accuracy; the run folder and its report get what was found.

    Args:
        folder: The run folder.
        samples: How many samples, drawn from the training samples if there are any.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.
        data: How these were named, for commands.
        tell: Called where the folder can't be written to.

    Returns:
        What was found.

    Raises:
        CompressError: If the folder holds no finished run, or its network is not quantized.
    """
    run = open_run(folder, trust)
    with trained_network(run, other) as (inputs, build):
        if inputs.splits is None:
            raise DataError(
                f"the run in {folder} has no data to look at.", help="add --data with some samples"
            )
        network = _network(inputs, build)
        if not graph_quantizers(network.all_outputs):
            raise ConfigError(
                f"the network of {folder} has no quantizers.",
                help="'explain' tells which classes another compression lost",
            )
        with float_network(run, inputs) as before:
            original = _network(inputs, before)
        case = Case(
            network,
            original,
            inputs.drawn(samples).arrays,
            shell_word(folder),
            str(folder / "float.nnp"),
            str(folder / "recipe.yaml"),
            _known_inputs(folder),
            data,
        )
        found = diagnose(case)
    try:
        write_json(folder / FINDINGS, found.as_dict())
        if (folder / "results.json").is_file():
            renew_report(folder)
    except ConfigError as error:
        tell(f"NOTE: the report in {folder} stays as it was: {error.message}")
    return found


def _network(inputs: Inputs, build: Build) -> Network:
    x = inputs.variables()
    given = dict(x) if isinstance(x, dict) else {"x": x}
    return Network(given, outputs_of(build(x, True)))


def _known_inputs(folder: Path) -> List[Dict[str, Any]]:
    try:
        return Results.read(folder).inputs or []
    except DataError:
        return []
