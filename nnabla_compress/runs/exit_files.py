# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exits in files of their own: prefixes that share nothing, or stages that hand maps on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.operations import exit_costs
from nnabla_compress.errors import ConfigError, VerifyError
from nnabla_compress.exporters.c_exits import compile_exits_command, export_c_exits
from nnabla_compress.exporters.sizes import NnbReport
from nnabla_compress.files import write_json
from nnabla_compress.graph.exit_stages import Stage, stages_of
from nnabla_compress.graph.exits import are_exits, exit_names, in_order
from nnabla_compress.graph.inputs import SEED, Form
from nnabla_compress.graph.network import Network
from nnabla_compress.recipes import ExportPart
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.simulator.staged import Staged
from nnabla_compress.targets import target_named

PREFIXES, STAGES = "prefixes", "stages"
_COMPARED = 8  # samples
_BYTES = 4  # of a float


class Written(Protocol):
    """What an export of a graph wrote."""

    @property
    def paths(self) -> List[Path]:
        """The files."""

    @property
    def sizes(self) -> Optional[NnbReport]:
        """Of the ``.nnb``."""


class ExitFiles(NamedTuple):
    """What was written for exits.

    Args:
        paths: The files.
        said: What results say of them.
        command: How the C program is compiled; None where there is none.
    """

    paths: List[Path]
    said: Dict[str, Any]
    command: Optional[str] = None


Write = Callable[[Path, Mapping[str, nn.Variable], Mapping[str, nn.Variable]], Written]


def check_exits(outputs: Mapping[str, nn.Variable], part: ExportPart) -> None:
    """Refuses an export of exits that can't be.

    Args:
        outputs: Of the network, by name.
        part: What is to be written.

    Raises:
        ConfigError: If the network has no exits, no ``.nnb`` is wanted, or the target's stages
            would hand integers on.
    """
    if not are_exits(outputs):
        raise ConfigError(
            f"exits: {part.exits}: the network has no exits, whose outputs are called exit1, "
            "exit2, ...",
            help="leave exits out, or add some with the step add_exits",
        )
    if not part.nnb:
        raise ConfigError(f"exits: {part.exits} are .nnb files.", help="leave nnb: false out")
    if part.exits == STAGES and target_named(part.target).needs_samples:
        raise ConfigError(
            f"target {part.target!r} stores maps as integers, stages hand floats on.",
            help="choose exits: prefixes, or a target of float maps: portable or callback",
        )


def export_exits(nnp: Path, network: Network, part: ExportPart, write: Write) -> ExitFiles:
    """Writes the exits of a network beside the file of all of it, and compares them with that.

    Args:
        nnp: The ``.nnp`` of the whole network, whose ``.nnb`` lies beside it.
        network: The network, as it infers.
        part: What is to be written.
        write: Writes a part of the graph: path of the ``.nnp``, outputs and inputs.

    Raises:
        VerifyError: If they do not compute what the whole network does, bit for bit; those of
            targets that choose number formats from samples may differ.
    """
    check_exits(network.outputs, part)
    exits, names = in_order(network.outputs), exit_names(len(network.outputs))
    if part.exits == STAGES:
        stages = stages_of(network)
    else:
        whole = tuple((-1, number) for number in range(len(network.inputs)))
        stages = [Stage(_alone(network, name), whole) for name in names]
    files, nnbs, rows = [], [], []
    joint = exit_costs(exits, inputs=network.all_inputs)
    spent = 0
    for number, (name, stage) in enumerate(zip(names, stages), 1):
        word = "stage" if part.exits == STAGES else "exit"
        path = nnp.with_name(f"{nnp.stem}-{word}{number}.nnp")
        written = write(path, stage.network.outputs, stage.network.inputs)
        files += written.paths
        nnbs.append(path.with_suffix(".nnb"))
        alone = exit_costs([network.outputs[name]], inputs=network.all_inputs)[0].operations
        spent = joint[number - 1].operations if part.exits == STAGES else spent + alone
        handed = list(stage.network.outputs.values())[1:]
        row = {"exit": name, "file": nnbs[-1].name, "operations": spent}
        row["handed_bytes"] = _BYTES * sum(int(v.size) // v.shape[0] for v in handed)
        if written.sizes is not None:
            row["nnb_bytes"] = written.sizes.nnb_bytes
            row["buffer_bytes"] = written.sizes.buffer_bytes
        rows.append(row)
    apart = _largest_difference(nnp.with_suffix(".nnb"), nnbs, stages)
    if apart and not target_named(part.target).needs_samples:
        raise VerifyError(
            f"the {part.exits} of {nnp.name} give other numbers than the whole network: they "
            f"differ by up to {apart:g}.",
            help="choose target portable, whose files compute the same; or leave exits out",
        )
    said: Dict[str, Any] = {"as": part.exits, "files": rows, "largest_difference": apart}
    if part.exits != STAGES:
        return ExitFiles(files, said)
    sources = [[list(each) for each in stage.sources] for stage in stages]
    plan = nnp.with_name(f"{nnp.stem}-stages.json")
    write_json(plan, {"stages": [nnb.name for nnb in nnbs], "sources": sources})
    files.append(plan)
    if not part.c:
        return ExitFiles(files, said)
    source = nnp.with_name(f"{nnp.stem}-exits.c")
    files += export_c_exits(source, nnbs, [stage.sources for stage in stages])
    return ExitFiles(files, said, compile_exits_command(source, nnbs))


def _alone(network: Network, name: str) -> Network:
    return Network(
        network.inputs, {name: network.outputs[name]}, network.scope, network.paths, network.name
    )


def _largest_difference(whole: Path, nnbs: Sequence[Path], stages: Sequence[Stage]) -> float:
    """How far both ways are apart in the simulator on random samples; 0.0: no bit differs."""
    machine = Machine(whole, callbacks=PACKED_CALLBACKS)
    machines = [Machine(nnb, callbacks=PACKED_CALLBACKS) for nnb in nnbs]
    rng = np.random.RandomState(SEED)
    rows = [Form(port.rows).random(rng, (_COMPARED, *port.shape[1:])) for port in machine.inputs]
    found = Staged(machines, [stage.sources for stage in stages]).run_all(rows)
    apart = [np.abs(a - b).max() for a, b in zip(machine.run_many(rows), found)]
    return float(max(apart))
