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
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnb
from nnabla_compress.exporters.archive import METADATA
from nnabla_compress.graph.ends import saturated
from nnabla_compress.graph.inputs import Form, forms, random_inputs
from nnabla_compress.nnb import NnbFile
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, needs_callbacks
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
from nnabla_compress.verification.original import misfit, original_of
from nnabla_compress.verification.report import (
    BIT_EQUAL,
    NOTHING,
    SINGLE_STEPS,
    Comparison,
    Promise,
    Verification,
    within,
)

_SEED = 313
_NORMAL = "the standard normal distribution"
_ROWS = 32
_MOSTLY = 0.5  # part of the samples on which a saturated activation is worth a word
_FLOAT_TOLERANCE = 1e-4  # additions in another order
_OTHER_IN_NNABLA = ("BinaryConnect", "BinaryWeight")  # NNabla computes their weights again
_LIBRARY_TOLERANCE = 1e-5  # exponentials of another library, fused multiply-add
_NO_RUNTIME = (
    "the real C runtime takes no part, only its simulator: {} is not set, see docs/verify.md"
)
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
    def random(cls, shapes: Sequence[Tuple[int, ...]], count: int) -> Samples:
        """Returns samples of the standard normal distribution, the same ones every time.

        Args:
            shapes: Of a sample of each input.
            count: Number of samples.
        """
        rng = np.random.RandomState(_SEED)
        rows = [rng.randn(count, *shape).astype(np.float32) for shape in shapes]
        return cls(rows, _NORMAL)

    @classmethod
    def random_for(cls, network: GraphEngine, count: int) -> Samples:
        """Returns random samples of the form that a network takes: row numbers for an Embed.

        Args:
            network: The network.
            count: Number of samples.
        """
        inputs, outputs = list(network.inputs.values()), list(network.outputs.values())
        rows = random_inputs(inputs, outputs, count)
        special = any(form != Form() for form in forms(inputs, outputs))
        source = "random numbers of the form that the network takes" if special else _NORMAL
        return cls(rows, source, names=tuple(network.inputs))


def verify_files(
    nnp: Optional[Path] = None,
    nnb: Optional[Path] = None,
    samples: Optional[Samples] = None,
    count: int = 100,
    graph: Optional[GraphEngine] = None,
    original: Union[GraphEngine, Path, None] = None,
) -> Verification:
    """Compares float network, graph, ``.nnp``, ``.nnb`` in the simulator, and the real C runtime.

    Without an ``.nnb`` the ``.nnp`` is converted for the comparison. A ``.reference.nnp`` beside it
    stands for layers that NNabla computes otherwise than the runtime. The real runtime takes part
    where the environment variable NNABLART names the program ``nnablart``; for a file with packed
    weights where NNABLART_PACKED names the compiled ``packed_main.c``. Where an output ends in a
    Softmax or another activation that saturates, what that gets is compared as well, except in the
    real runtime.

    Args:
        nnp: The ``.nnp``.
        nnb: The ``.nnb`` that was made of it.
        samples: What to compare on; by default ``count`` random ones.
        count: Number of random samples.
        graph: The network that was exported.
        original: The float network that it was made of, or its ``.nnp``; by default ``float.nnp``
            beside ``results.nnp``. Nothing is promised of the difference: it is what quantization
            costs.

    Returns:
        What was found; :meth:`Verification.check` raises if a promise was broken.

    Raises:
        ConfigError: If there is neither file, or samples don't fit.
        DataError: If a file is missing or damaged.
        VerifyError: If something can't be run.
    """
    if nnp is None and nnb is None:
        raise ConfigError("there is no file to verify.", help="give an .nnp or an .nnb")
    notes: List[str] = []
    with _nnb_of(nnp, nnb) as made:
        in_nnabla = None
        engines: List[Engine] = [] if graph is None else [graph]
        promises: List[Promise] = []
        if nnp is not None:
            machine = Machine(made, callbacks=PACKED_CALLBACKS)
            in_nnabla = _in_nnabla(nnp, machine.inputs[0].shape[0], count, samples)
            reference = nnp.with_suffix(".reference.nnp")
            if in_nnabla.holds(_OTHER_IN_NNABLA) and reference.is_file():
                in_nnabla = _Reference(reference, machine.inputs[0].shape[0])
            if graph is not None:
                promises.append(_promise_of_export(nnp, in_nnabla))
            engines.append(in_nnabla)
            promises.append(_promise_of_conversion(machine, in_nnabla))
        simulator = SimulatorEngine(made, {} if in_nnabla is None else in_nnabla.before)
        machine = simulator.machine
        if samples is None:
            samples = (
                Samples.random([port.shape[1:] for port in machine.inputs], count)
                if in_nnabla is None
                else Samples.random_for(in_nnabla, count)
            )
        if in_nnabla is not None:
            samples = samples.in_order_of(list(in_nnabla.inputs))
        engines.append(simulator)
        _check(samples, machine)
        packed = needs_callbacks(machine.network)
        program = os.environ.get(PACKED_VARIABLE if packed else VARIABLE)
        warnings = list(machine.warnings)
        if packed and not program and os.environ.get(VARIABLE):
            warnings.append(_UNREGISTERED)
        elif not program:
            notes.append(_NO_RUNTIME.format(PACKED_VARIABLE if packed else VARIABLE))
        if program:
            engines.append(RuntimeEngine(program, made, machine))
            promises.append(_promise_of_simulation(machine, in_nnabla))
        found = [engine.run(samples.rows) for engine in engines]
    if not isinstance(original, GraphEngine):
        file = nnp if nnp is not None else made
        report = {} if nnp is None else _metadata(nnp)
        original, note = original_of(file, original, report, machine.inputs[0].shape[0])
        notes += [] if note is None else [note]
    if original is not None:
        shapes = [array.shape[1:] for array in samples.rows]
        wrong = misfit(original, shapes, found[0][: len(machine.outputs)])
        if wrong is None:
            engines.insert(0, original)
            promises.insert(0, NOTHING)
            found.insert(0, original.run(samples.rows))
        notes += [] if wrong is None else [wrong]
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
                tuple(
                    agreement(name, x, y)
                    for name, x, y in _pairs(names, (first, one), (second, other))
                ),
            )
            for first, second, promise, one, other in zip(
                engines, engines[1:], promises, found, found[1:]
            )
        ),
        accuracies=_accuracies(engines, found, samples.labels),
        warnings=warnings,
        notes=[*_saturations(names, engines, found), *notes],
    )


_Computed = Tuple[Engine, Sequence[np.ndarray]]


def _pairs(
    names: Sequence[str], first: _Computed, second: _Computed
) -> Iterator[Tuple[str, np.ndarray, np.ndarray]]:
    """Outputs of two engines by name, then what their last activations get, where both tell it."""
    for number, name in enumerate(names):
        yield name, first[1][number], second[1][number]
    inner = []
    for engine, found in (first, second):
        inner.append(dict(zip(engine.before, found[len(names) :])))
    for number, x in inner[0].items():
        y = inner[1].get(number)
        if y is not None and y.shape == x.shape:
            yield f"{names[number]} before {first[0].before[number]}", x, y


def _saturations(
    names: Sequence[str], engines: Sequence[Engine], found: Sequence[Sequence[np.ndarray]]
) -> List[str]:
    """Says which outputs tell little, because their last activation has reached its limits."""
    for engine, values in zip(engines, found):
        if not isinstance(engine, GraphEngine):
            continue
        parts = zip(engine.ends.items(), values[len(names) :])
        shares = [(number, end, saturated(end, x)) for (number, end), x in parts]
        return [
            f"{end.type} of output {names[number]} is saturated in {share:.0%} of what it gives, "
            f"which hides differences: look at '{names[number]} before {end.type}', or give data "
            "of the kind that the network was trained on"
            for number, end, share in shares
            if share >= _MOSTLY
        ]
    return []


@contextmanager
def _nnb_of(nnp: Optional[Path], nnb: Optional[Path]) -> Iterator[Path]:
    if nnb is not None:
        yield nnb
        return
    assert nnp is not None
    with tempfile.TemporaryDirectory() as folder:
        yield export_nnb(Path(folder) / "network.nnb", nnp)


def _in_nnabla(nnp: Path, batch_size: int, count: int, samples: Optional[Samples]) -> NnpEngine:
    """The file in batches as the ``.nnb`` has them; in larger ones where that changes no bit."""
    count = count if samples is None else len(samples.rows[0])
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


def _promise_of_conversion(machine: Machine, network: NnpEngine) -> Promise:
    """Bits where all functions are exact; nothing of integer kernels, which round as they go."""
    if uses_integer_kernels(machine.network) or network.holds(_OTHER_IN_NNABLA):
        return NOTHING
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
