# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Verifying an .nnp and the .nnb made of it, down to the C runtime where there is one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.analysis.stored_encodings import NATIVE_QUANTIZERS
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.metadata import read_metadata
from nnabla_compress.files import temporary_folder
from nnabla_compress.graph.ends import saturated
from nnabla_compress.graph.exits import are_exits, exit_names
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers.base import is_given
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, needs_callbacks
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.verification.engines import (
    PACKED_VARIABLE,
    VARIABLE,
    Engine,
    GraphEngine,
    NnpEngine,
    ReferenceEngine,
    RuntimeEngine,
    SimulatorEngine,
)
from nnabla_compress.verification.original import misfit, original_of
from nnabla_compress.verification.places import Place
from nnabla_compress.verification.promises import (
    OTHER_IN_NNABLA,
    of_compression,
    of_conversion,
    of_export,
    of_simulation,
)
from nnabla_compress.verification.report import NOTHING, Comparison, Promise, Verification
from nnabla_compress.verification.samples import Samples

_ROWS = 32
_MOSTLY = 0.5  # part of the samples on which a saturated activation is worth a word
_NO_RUNTIME = (
    "the real C runtime takes no part, only its simulator: {} is not set, see docs/verify.md"
)
_UNREGISTERED = (
    "note: NNABLART takes no part: nnablart can't run packed weights. Compile packed_main.c and "
    "set NNABLART_PACKED to its path."
)


@one_at_a_time
def verify_files(
    nnp: Optional[Path] = None,
    nnb: Optional[Path] = None,
    samples: Optional[Samples] = None,
    count: int = 100,
    graph: Optional[GraphEngine] = None,
    original: Union[GraphEngine, Path, None] = None,
    same_function: bool = False,
    places: Sequence[Place] = (),
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
            beside ``results.nnp``. Nothing is promised of the difference, which is what the
            compression costs, unless that keeps what is computed.
        same_function: Whether it keeps that, but for rounding.
        places: Further ones that run the ``.nnb``, each compared with the one before it.

    Returns:
        What was found; :meth:`Verification.check` raises if a promise was broken.

    Raises:
        ConfigError: If there is neither file, or samples don't fit.
        DataError: If a file is missing or damaged.
        VerifyError: If something can't be run.
    """
    if nnp is None and nnb is None:
        raise ConfigError("there is no file to verify.", help="give an .nnp or an .nnb")
    # A file of others is looked over before NNabla's converter gets it.
    file = None if nnp is None else NnpFile(nnp)
    report, given = {} if nnp is None else read_metadata(nnp), samples is not None
    with _nnb_of(nnp, nnb, file, report) as made:
        machine = Machine(made, callbacks=PACKED_CALLBACKS)
        batch_size = machine.inputs[0].shape[0]
        chain: List[_Link] = [] if graph is None else [_Link(graph, NOTHING)]
        in_nnabla = None
        if nnp is not None and file is not None:
            rows = count if samples is None else len(samples.rows[0])
            in_nnabla = _in_nnabla(file, report, batch_size, rows)
            chain.append(_Link(in_nnabla, of_export(report, in_nnabla)))
        simulator = SimulatorEngine(machine, {} if in_nnabla is None else in_nnabla.before)
        converted = NOTHING
        if in_nnabla is not None:
            converted = of_conversion(machine, in_nnabla, given, not report and nnb is None)
        chain.append(_Link(simulator, converted))
        # The graph says more of what it takes than the functions that an export made of it.
        known = graph if graph is not None else in_nnabla
        if samples is None and known is not None:
            samples = Samples.random_for(known, count)
        elif samples is None:
            below = [port.rows for port in machine.inputs]
            samples = Samples.random([port.shape[1:] for port in machine.inputs], count, below)
        if in_nnabla is not None:
            samples = samples.in_order_of(list(in_nnabla.inputs))
        _check(samples, machine)
        program, warning, note = _runtime(machine)
        if program:
            runtime = RuntimeEngine(program, made, machine)
            chain.append(_Link(runtime, of_simulation(machine, in_nnabla)))
        chain += [
            _Link(place.engine(made, machine), place.promise(made, machine.network))
            for place in places
        ]
        found = [link.engine.run(samples.rows) for link in chain]
    notes = [note]
    if not isinstance(original, GraphEngine):
        original, note = original_of(nnp or made, original, report, batch_size)
        notes.append(note)
    if original is not None:
        shapes = [array.shape[1:] for array in samples.rows]
        notes.append(misfit(original, shapes, found[0][: len(machine.outputs)]))
        if notes[-1] is None:
            chain[0] = chain[0]._replace(promise=of_compression(same_function))
            chain.insert(0, _Link(original, NOTHING))
            found.insert(0, original.run(samples.rows))
    names = _output_names(in_nnabla, len(machine.outputs))
    files = {".nnp": nnp, ".nnb": nnb}
    engines = [link.engine for link in chain]
    computed = list(zip(engines, found))
    return Verification(
        files={key: str(path) for key, path in files.items() if path is not None},
        samples=samples.source,
        count=len(samples.rows[0]),
        comparisons=tuple(
            Comparison(
                first[0].name,
                second[0].name,
                link.promise,
                {name: agreement([x], [y]) for name, x, y in _pairs(names, first, second)},
            )
            for first, second, link in zip(computed, computed[1:], chain[1:])
        ),
        accuracies=_accuracies(engines, found, samples.labels, _judged(names)),
        warnings=[*machine.warnings, *([] if warning is None else [warning])],
        notes=[*_saturations(names, computed), *(text for text in notes if text is not None)],
    )


class _Link(NamedTuple):
    """One of the places that compute a network, and what it owes to the one before it."""

    engine: Engine
    promise: Promise


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


def _saturations(names: Sequence[str], computed: Sequence[_Computed]) -> List[str]:
    """Says which outputs tell little, because their last activation has reached its limits."""
    for engine, values in computed:
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
def _nnb_of(
    nnp: Optional[Path], nnb: Optional[Path], file: Optional[NnpFile], report: Mapping[str, Any]
) -> Iterator[Path]:
    if nnb is not None:
        yield nnb
        return
    assert nnp is not None and file is not None
    with temporary_folder() as folder:
        if not report:
            nnp = _without_own_quantizers(file, folder / "network.nnp") or nnp
        yield export_nnb(folder / "network.nnb", nnp)


def _without_own_quantizers(file: NnpFile, path: Path) -> Optional[Path]:
    """Exports a file with quantize functions of NNabla's, which the converter can't do.

    It refuses most of them, and takes binary weights from the last forward pass of a training.
    """
    with nn.parameter_scope("", {}):
        network = NnpEngine(file)
        order = functions(list(network.outputs.values()))
        if not any(is_given(f) or f.info.type_name in NATIVE_QUANTIZERS for f in order):
            return None
        rows = next(iter(network.inputs.values())).shape[0]
        export_nnp(path, network.outputs, network.inputs, batch_size=rows)
    return path


def _in_nnabla(file: NnpFile, report: Mapping[str, Any], batch_size: int, count: int) -> NnpEngine:
    """The file in batches as the ``.nnb`` has them; in larger ones where that changes no bit."""
    engine = NnpEngine(file, batch_size)
    reference = file.path.with_suffix(".reference.nnp")
    if engine.holds(OTHER_IN_NNABLA) and reference.is_file():
        return ReferenceEngine(reference, batch_size)
    if engine.exact and report.get("any_batch_size") and count > batch_size:
        return NnpEngine(file, min(count, _ROWS))
    return engine


def _runtime(machine: Machine) -> Tuple[Optional[str], Optional[str], Optional[str]]:
    """The program that is the real runtime; a warning or a note where it takes no part."""
    packed = needs_callbacks(machine.network)
    variable = PACKED_VARIABLE if packed else VARIABLE
    program = os.environ.get(variable)
    if program:
        return program, None, None
    if packed and os.environ.get(VARIABLE):
        return None, _UNREGISTERED, None
    return None, None, _NO_RUNTIME.format(variable)


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


def _judged(names: Sequence[str]) -> int:
    """Which output accuracies are of: the first, of exits the last."""
    return list(names).index(exit_names(len(names))[-1]) if are_exits(names) else 0


def _accuracies(
    engines: Sequence[Engine],
    found: Sequence[Sequence[np.ndarray]],
    labels: Optional[np.ndarray],
    judged: int,
) -> Dict[str, float]:
    """The accuracy of an output, if that is a row of classes for each sample."""
    if labels is None:
        return {}
    return {
        engine.name: float(np.mean(outputs[judged].argmax(axis=1) == labels[:, 0]))
        for engine, outputs in zip(engines, found)
        if outputs[judged].ndim == 2 and outputs[judged].shape[1] > 1
    }
