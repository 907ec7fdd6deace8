# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Verifying an .nnp and the .nnb made of it, down to the C runtime where there is one."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnb
from nnabla_compress.exporters.archive import METADATA
from nnabla_compress.graph.inputs import forms
from nnabla_compress.nnb import NnbFile
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import needs_callbacks
from nnabla_compress.verification.agreement import agreement
from nnabla_compress.verification.engines import (
    PACKED_VARIABLE,
    VARIABLE,
    Engine,
    GraphEngine,
    NnpEngine,
    RuntimeEngine,
    SimulatorEngine,
)
from nnabla_compress.verification.report import (
    BIT_EQUAL,
    HALF,
    NOTHING,
    SINGLE_STEPS,
    Comparison,
    Promise,
    Verification,
    within,
)

_SEED = 313
_ROWS = 32
_FLOAT_TOLERANCE = 1e-4  # additions in another order
_OTHER_IN_NNABLA = ("BinaryConnect", "BinaryWeight")  # NNabla computes their weights again
_LIBRARY_TOLERANCE = 1e-5  # exponentials of another library, fused multiply-add
_UNREGISTERED = (
    "note: NNABLART takes no part: nnablart can't run packed weights. Compile packed_main.c and "
    "set NNABLART_PACKED to its path."
)


class _Reference(NnpEngine):
    """The same network of plain layers, which some exports write beside their file."""

    name = "reference in NNabla"


@dataclass(frozen=True)
class Samples:
    """What the computations are compared on.

    Args:
        rows: For each input, in the order of the network's, float32 (samples, ...).
        source: Where they are from, in words.
        labels: Class indices (samples, 1), None if there are none.
        names: Names of the inputs, if they are known.
    """

    rows: Sequence[np.ndarray]
    source: str
    labels: Optional[np.ndarray] = None
    names: Tuple[str, ...] = ()

    def in_order_of(self, names: Sequence[str]) -> Samples:
        """Returns the samples with their inputs in another order, if they have these names."""
        if set(names) != set(self.names):
            return self
        rows = [self.rows[self.names.index(name)] for name in names]
        return Samples(rows, self.source, self.labels, tuple(names))

    @classmethod
    def random(
        cls,
        shapes: Sequence[Tuple[int, ...]],
        count: int,
        graph: Optional[GraphEngine] = None,
    ) -> Samples:
        """Returns samples of the standard normal distribution, the same ones every time.

        Args:
            shapes: Of a sample of each input.
            count: Number of samples.
            graph: The network, if it is known: it may take row numbers instead.
        """
        rng = np.random.RandomState(_SEED)
        rows = [rng.randn(count, *shape).astype(np.float32) for shape in shapes]
        if graph is None:
            return cls(rows, "the standard normal distribution")
        taken = forms(list(graph.inputs.values()), list(graph.outputs.values()))
        if not any(form.below for form in taken):
            return cls(rows, "the standard normal distribution")
        drawn = {
            name: form.random(rng, (count, *variable.shape[1:]))
            for (name, variable), form in zip(graph.inputs.items(), taken)
        }
        return cls(list(drawn.values()), "random numbers", names=tuple(drawn))


def verify_files(
    nnp: Optional[Path] = None,
    nnb: Optional[Path] = None,
    samples: Optional[Samples] = None,
    count: int = 100,
    graph: Optional[GraphEngine] = None,
) -> Verification:
    """Compares a graph, an ``.nnp``, an ``.nnb`` in the simulator, and the real C runtime.

    Without an ``.nnb`` the ``.nnp`` is converted for the comparison. A ``.reference.nnp`` beside it
    stands for layers that NNabla computes otherwise than the runtime. The real runtime takes part
    where the environment variable NNABLART names the program ``nnablart``; for a file with packed
    weights where NNABLART_PACKED names the compiled ``packed_main.c``.

    Args:
        nnp: The ``.nnp``.
        nnb: The ``.nnb`` that was made of it.
        samples: What to compare on; by default ``count`` random ones.
        count: Number of random samples.
        graph: The network that was exported.

    Returns:
        What was found; :meth:`Verification.check` raises if a promise was broken.

    Raises:
        ConfigError: If there is neither file, or samples don't fit.
        DataError: If a file is missing or damaged.
        VerifyError: If something can't be run.
    """
    if nnp is None and nnb is None:
        raise ConfigError("there is no file to verify.", help="give an .nnp or an .nnb")
    with _nnb_of(nnp, nnb) as made:
        simulator = SimulatorEngine(made)
        machine = simulator.machine
        given = samples is not None
        if samples is None:
            samples = Samples.random([port.shape[1:] for port in machine.inputs], count, graph)
        engines: List[Engine] = [] if graph is None else [graph]
        promises: List[Promise] = []
        in_nnabla = None
        if nnp is not None:
            in_nnabla = _in_nnabla(nnp, machine.inputs[0].shape[0], len(samples.rows[0]))
            reference = nnp.with_suffix(".reference.nnp")
            if in_nnabla.holds(_OTHER_IN_NNABLA) and reference.is_file():
                in_nnabla = _Reference(reference, machine.inputs[0].shape[0])
            if graph is not None:
                promises.append(_promise_of_export(nnp, in_nnabla))
            engines.append(in_nnabla)
            samples = samples.in_order_of(list(in_nnabla.inputs))
            promises.append(_promise_of_conversion(machine, in_nnabla, given))
        engines.append(simulator)
        _check(samples, machine)
        packed = needs_callbacks(machine.network)
        program = os.environ.get(PACKED_VARIABLE if packed else VARIABLE)
        warnings = list(machine.warnings)
        if packed and not program and os.environ.get(VARIABLE):
            warnings.append(_UNREGISTERED)
        if program:
            engines.append(RuntimeEngine(program, made, machine))
            promises.append(_promise_of_simulation(machine, in_nnabla))
        found = [engine.run(samples.rows) for engine in engines]
    names = _output_names(in_nnabla, len(machine.outputs))
    files = {".nnp": nnp, ".nnb": nnb}
    return Verification(
        files={key: str(path) for key, path in files.items() if path is not None},
        samples=samples.source,
        count=len(samples.rows[0]),
        comparisons=tuple(
            Comparison(
                first.name,
                second.name,
                promise,
                tuple(agreement(name, x, y) for name, x, y in zip(names, one, other)),
            )
            for first, second, promise, one, other in zip(
                engines, engines[1:], promises, found, found[1:]
            )
        ),
        accuracies=_accuracies(engines, found, samples.labels),
        warnings=warnings,
    )


@contextmanager
def _nnb_of(nnp: Optional[Path], nnb: Optional[Path]) -> Iterator[Path]:
    if nnb is not None:
        yield nnb
        return
    assert nnp is not None
    with tempfile.TemporaryDirectory() as folder:
        yield export_nnb(Path(folder) / "network.nnb", nnp)


def _in_nnabla(nnp: Path, batch_size: int, count: int) -> NnpEngine:
    """The file in batches as the ``.nnb`` has them; in larger ones where that changes no bit."""
    engine = NnpEngine(nnp, batch_size)
    if engine.exact and _metadata(nnp).get("any_batch_size") and count > batch_size:
        return NnpEngine(nnp, min(count, _ROWS))
    return engine


def _promise_of_export(nnp: Path, network: NnpEngine) -> Promise:
    report = _metadata(nnp)
    if not (isinstance(network, _Reference) or report.get("same_values", True)):
        return NOTHING  # rounded numbers, snapped dictionaries
    if report.get("exact"):
        return BIT_EQUAL
    if network.rounds:
        return SINGLE_STEPS
    return within(float(report.get("tolerance") or _FLOAT_TOLERANCE))


def _promise_of_conversion(machine: Machine, network: NnpEngine, given: bool) -> Promise:
    """Bits where all functions are exact; little of integer kernels, which round as they go.

    Their formats are for samples: of random numbers they promise nothing.
    """
    if network.holds(_OTHER_IN_NNABLA):
        return NOTHING
    if uses_integer_kernels(machine.network):
        return HALF if given else NOTHING
    if network.exact and not isinstance(network, _Reference):
        return BIT_EQUAL
    return SINGLE_STEPS if network.rounds else within(_FLOAT_TOLERANCE)


def _promise_of_simulation(machine: Machine, network: Optional[NnpEngine]) -> Promise:
    integers = all(port.type != "FLOAT32" for port in machine.outputs)
    if integers or (network is not None and network.exact):
        return BIT_EQUAL
    return within(_LIBRARY_TOLERANCE)


def uses_integer_kernels(network: NnbFile) -> bool:
    """Returns whether anything that depends on the input is held as integers.

    Args:
        network: The network.
    """
    dynamic = set(network.inputs)
    for function in network.functions:
        if dynamic.intersection(function.inputs):
            dynamic.update(function.outputs)
    return any(network.variables[number].type != "FLOAT32" for number in dynamic)


def _metadata(nnp: Path) -> Dict[str, Any]:
    try:
        with zipfile.ZipFile(nnp) as archive:
            found = json.loads(archive.read(METADATA).decode("utf-8"))
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return {}
    return found if isinstance(found, dict) else {}


def _check(samples: Samples, machine: Machine) -> None:
    if len(samples.rows) != len(machine.inputs):
        raise ConfigError(
            f"the network has {len(machine.inputs)} inputs, the samples {len(samples.rows)}.",
            help="give samples for each input",
        )
    for number, (array, port) in enumerate(zip(samples.rows, machine.inputs)):
        if tuple(array.shape[1:]) != tuple(port.shape[1:]):
            raise DataError(
                f"the samples of input {number} have the shape {tuple(array.shape[1:])}, the "
                f"network takes {tuple(port.shape[1:])}.",
                help="give data that fit the network",
            )


def _output_names(network: Optional[NnpEngine], count: int) -> List[str]:
    return list(network.outputs) if network is not None else [f"output {n}" for n in range(count)]


def _accuracies(
    engines: Sequence[Engine], found: Sequence[Sequence[np.ndarray]], labels: Optional[np.ndarray]
) -> Dict[str, float]:
    """The accuracy of the first output, if that is a row of classes for each sample."""
    if labels is None:
        return {}
    return {
        engine.name: float(np.mean(outputs[0].argmax(axis=1) == labels[:, 0]))
        for engine, outputs in zip(engines, found)
        if outputs[0].ndim == 2 and outputs[0].shape[1] > 1
    }
