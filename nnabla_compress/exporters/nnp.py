# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exporting a network to an ``.nnp`` of native functions, and proving that it computes the same.

The steps: inference graph, batch normalization folded, weights encoded, activation quantizers and
missing functions lowered, each function checked against the target, written, read back, compared.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.analysis.activation_rows import activation_rows
from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.exporters.api_levels import (
    RELEASED,
    check_level,
    fit_to_level,
    released_note,
)
from nnabla_compress.exporters.archive import (
    NamedGraph,
    add_metadata,
    name_graph,
    write_and_read_back,
)
from nnabla_compress.exporters.converter_settings import write_types
from nnabla_compress.exporters.export_report import ExportReport, layer_rows, other_rows
from nnabla_compress.exporters.nnb import export_nnb
from nnabla_compress.exporters.packed_nnb import PACKED, packing_as_json
from nnabla_compress.exporters.packed_tables import TABLES, tables_as_json
from nnabla_compress.exporters.simulated import Simulated, simulated
from nnabla_compress.exporters.sizes import FloatSizes, float_sizes
from nnabla_compress.exporters.tolerance import ANOTHER_ORDER, Tolerance
from nnabla_compress.exporters.verify import Rounds, Verified, input_rounds, verify_lowered
from nnabla_compress.exporters.zero_notes import zero_notes
from nnabla_compress.files import atomic_path, temporary_folder
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.lowering.decoded_later import decoded_later
from nnabla_compress.lowering.inference import Variables, inference_network
from nnabla_compress.lowering.rewrites import embeds_as_layers
from nnabla_compress.lowering.weigh import check_preference
from nnabla_compress.memory import forget, give_back
from nnabla_compress.names import ascii_name
from nnabla_compress.quantizers.base import graph_quantizers
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.targets import ExportOptions, Lowered, Target, target_named
from nnabla_compress.transforms.fold import fold_batch_normalization
from nnabla_compress.turns import one_at_a_time

_SIMULATED = 64  # samples
_REPORT = "please report this network"


@one_at_a_time
def export_nnp(
    path: Union[str, Path],
    outputs: Variables,
    inputs: Variables,
    target: str = "portable",
    batch_size: int = 1,
    tolerance: float = ANOTHER_ORDER,
    samples: Optional[Mapping[str, np.ndarray]] = None,
    storage: str = "smallest",
    snap_dictionary: bool = False,
    prefer: str = "flash",
    api: int = RELEASED,
    float_network: Optional[FloatSizes] = None,
    notes: Sequence[str] = (),
) -> ExportReport:
    """Writes an ``.nnp`` of native functions that computes what the network computes in inference.

    The file holds the network ``Validation``, the executor ``Runtime``, the parameters in use
    under their paths (``c1/conv/W``), ``nnabla_compress.json`` with the report, and, where the C
    runtime holds variables otherwise than as floats, the converter's settings, which are also
    written beside the file (``<name>.settings.yaml``). It is read back and run against the network
    on random inputs before it takes its name. What it computes equals the lowered graph value
    for value, and the network itself likewise if ``exact`` is reported; else up to ``tolerance``.
    The network, its parameters and the parameter scopes stay as they are.

    Targets of the runtime's integer and binary-weight kernels compute other values in NNabla. They
    are also converted and run in the simulator of the C runtime, of which a note tells; where
    NNabla can't run the file, a network of plain layers lies beside it (``<name>.reference.nnp``).

    Args:
        path: The file to write, ``*.nnp``.
        outputs: What to compute: a Variable, a list, or a dict by name. Unnamed ones are called
            after their Variable, else ``y`` or ``y0``, ``y1``, ...
        inputs: What it is computed from, likewise; ``x`` or ``x0``, ``x1``, ...
        target: What the file is for: ``"portable"`` holds only functions that NNabla, Neural
            Network Console and the C runtime have.
        batch_size: Rows of the inputs that the file states; it can be loaded with others.
        tolerance: Largest difference allowed where float additions change their order, as a part of
            the output's largest magnitude; where values pass through roundings more is allowed, see
            :class:`~nnabla_compress.exporters.tolerance.Tolerance`.
        samples: Inputs (rows, ...) by name to compare on, besides random ones; targets that choose
            number formats choose them from these.
        storage: How quantized weights are stored: the name of a scheme, ``"smallest"``, or
            ``"float"`` for their values.
        snap_dictionary: Put free dictionaries on an integer grid, so that they decode exactly.
        prefer: What counts where decoding a weight takes memory of the device: ``"flash"``, the
            smallest file; ``"ram"``, the smallest one whose buffers take no more than the float
            network's; ``"both"``, the least sum.
        api: API level of the C runtime that the file is for. Arguments that lower levels lack are
            written another way where there is one.
        float_network: What the network in float takes, where that is known from before; by default
            it is computed.
        notes: What a user should know of the network, a sentence each; the report and the file
            tell it first.

    Returns:
        Bits and bytes of each layer, and how close the file is.

    Raises:
        ConfigError: If a name, the batch size or the path has no meaning, or the file can't be
            written.
        UnsupportedFunctionError: If the target, or the API level, lacks a function of the network.
        ExportError: If parameters are NaN or infinite, or NNabla can't write the network.
        VerifyError: If the file does not compute what the network does.

    Example:
        >>> import tempfile, nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> x = nn.Variable((8, 16))
        >>> y = PF.affine(x, 10, apply_w=LUT(bits=2), name="fc")
        >>> with temporary_folder() as folder:
        ...     report = export_nnp(f"{folder}/net.nnp", y, x)
        >>> [(row.name, row.bits, row.packed_bytes, row.float_bytes) for row in report.rows]
        [('fc/affine', 2, 56, 640)]
    """
    if isinstance(path, nn.Variable):
        raise ConfigError(
            "the first argument is a Variable, not the path of a file.",
            help='call export_nnp("net.nnp", outputs, inputs)',
        )
    path = Path(path)
    if path.suffix != ".nnp":
        raise ConfigError(f"can't export to {path}: it does not end in .nnp.", help="call it *.nnp")
    chosen = target_named(target)
    network = inference_network(inputs, outputs, batch_size)
    check_preference(prefer)
    samples = {ascii_name(name): values for name, values in (samples or {}).items()}
    options = ExportOptions(storage, snap_dictionary, samples, prefer)
    folded = embeds_as_layers(_fold(network), chosen.looks_up)
    folded = fit_to_level(folded, network.all_inputs, api)
    lowered = chosen.lower(network, folded, options)
    gone = _let_go(lowered, {leaf.data for leaf in leaves(network.all_outputs)})
    give_back()
    chosen.check(lowered.outputs, lowered.names)
    check_level(lowered.outputs, api)
    graph = name_graph(
        network.inputs,
        dict(zip(network.outputs, lowered.outputs)),
        lowered.names,
        lowered.types,
        lowered.deferred,
    )
    codes = lowered.deferred.codes
    _check_finite({name: p for name, p in graph.parameters.items() if p.data not in codes})
    rounds = input_rounds(network.inputs, samples, batch_size, network.all_outputs)
    limit = 0.0 if lowered.exact else tolerance
    verified = _verified(network, lowered, rounds, limit)
    plain = None
    if not chosen.runs_in_nnabla:
        named = dict(zip(network.outputs, lowered.reference or lowered.outputs))
        plain = name_graph(network.inputs, named, lowered.names, {}, lowered.deferred)
    same_values = lowered.reference is None
    # Numbers before they were rounded are large, and not read again; a name keeps its array.
    used = leaves([*lowered.outputs, *lowered.plain.outputs])
    names = {v.data: lowered.names[v.data] for v in used if v.data in lowered.names}
    lowered = replace(lowered, reference=None, names=names)
    forget(sum(int(v.size) for v in graph.parameters.values()))
    give_back()
    left, other_bytes = other_rows(lowered.plain.outputs, lowered.names, network.paths)
    report = ExportReport(
        path=path,
        target=target,
        rows=layer_rows(
            lowered.plain,
            lowered.names,
            lowered.storage,
            graph,
            lowered.packed,
            lowered.tables,
            gone,
        ),
        left=left,
        other_bytes=other_bytes,
        file_bytes=0,
        exact=lowered.exact,
        largest_difference=verified.largest,
        tolerance=limit,
        any_batch_size=True,
        notes=(
            *notes,
            *zero_notes(network),
            *lowered.notes,
            *released_note(api),
        ),
        float_sizes=float_network or float_sizes(network),
        api=api,
        activations=activation_rows(network.all_outputs, network.all_inputs),
    )
    forms = _forms(chosen, lowered, graph)
    with atomic_path(path) as temporary:
        own_rounds = rounds if chosen.runs_in_nnabla else []
        computed = verified.computed if same_values else ()
        any_batch_size = write_and_read_back(temporary, graph, batch_size, own_rounds, computed)
        report = replace(report, any_batch_size=any_batch_size)
        if chosen.needs_simulator:
            allowed = Tolerance(limit, lowered.plain.activations > 0, chosen.rounds_numbers)
            way_out = lowered.way_out_of_rounding or chosen.way_out_of_rounding or _REPORT
            said = lowered.notes
            known = list(zip(rounds, verified.expected))
            found = _simulate(
                temporary,
                network,
                graph,
                options.samples,
                allowed,
                said,
                way_out,
                api,
                known,
                forms,
            )
            report = replace(report, notes=(*report.notes, str(found)))
        metadata = {"version": __version__, "same_values": same_values, **forms}
        add_metadata(temporary, {**metadata, **report.as_dict()}, graph.types)
        report = replace(report, file_bytes=temporary.stat().st_size)
        reference = path.with_suffix(".reference.nnp")
        if plain is not None:
            with atomic_path(reference) as beside:
                write_and_read_back(beside, plain, batch_size, rounds, verified.computed)
        elif reference.is_file():
            reference.unlink()  # of an earlier export under this name
    write_types(path.with_suffix(".settings.yaml"), graph.types)
    return report


def _forms(target: Target, lowered: Lowered, graph: NamedGraph) -> Dict[str, Any]:
    """What the file says of how weights are packed."""
    if not target.packs_weights:
        return {}
    found = {
        path: lowered.packed[parameter.data]
        for path, parameter in graph.parameters.items()
        if parameter.data in lowered.packed
    }
    tables = {
        path: lowered.tables[parameter.data]
        for path, parameter in graph.parameters.items()
        if parameter.data in lowered.tables
    }
    return {PACKED: packing_as_json(found), **({TABLES: tables_as_json(tables)} if tables else {})}


def _verified(network: Network, lowered: Lowered, rounds: Rounds, tolerance: float) -> Verified:
    """Compares a network with what it was lowered to, or with the reference where that is none."""
    outputs = lowered.outputs if lowered.reference is None else lowered.reference
    runnable, fill = lowered.deferred.runnable(outputs)
    return verify_lowered(
        network.all_inputs,
        network.all_outputs,
        runnable,
        rounds,
        tolerance,
        fill=fill,
        quantized_activations=lowered.plain.activations > 0,
    )


def _simulate(
    path: Path,
    network: Network,
    graph: NamedGraph,
    samples: Mapping[str, np.ndarray],
    allowed: Tolerance,
    notes: Sequence[str],
    way_out: str,
    api: int,
    known: Sequence[Tuple[List[np.ndarray], List[np.ndarray]]],
    forms: Mapping[str, Any],
) -> Simulated:
    """Converts a file and runs it in the simulator of the C runtime against the network."""
    batch_size = next(iter(network.inputs.values())).shape[0]
    with temporary_folder() as folder:
        settings, nnb = folder / "settings.yaml", folder / "net.nnb"
        write_types(settings, graph.types)
        has_settings = settings.exists()
        given = settings if has_settings else None
        if forms:
            path = Path(shutil.copy(path, folder / "net.nnp"))
            add_metadata(path, forms, {})
        export_nnb(nnb, path, api=api, batch_size=batch_size, settings=given)
        machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
        return simulated(machine, network, samples, _SIMULATED, allowed, notes, way_out, known)


def _let_go(lowered: Lowered, held: Set[Any]) -> Set[Any]:
    """Frees weights that codes decode to, whether something reads them or not; returns which.

    Those that the network holds itself stay.
    """
    outputs = [*lowered.outputs, *(lowered.reference or ())]
    kept = held.union(lowered.deferred.codes)
    there = [leaf for leaf in leaves(lowered.plain.outputs) if leaf.data not in kept]
    found = decoded_later(there, outputs, lowered.plain.encodings)
    read = {leaf.data for leaf in leaves(outputs)}
    gone = {*found, *lowered.deferred.codes}
    lowered.deferred.codes.update({data: source for data, source in found.items() if data in read})
    return gone


def _fold(network: Network) -> List[nn.Variable]:
    """Returns the network's outputs with batch normalization folded."""
    start = network.all_outputs
    # A quantizer's own parameters may be NaN for "not initialised yet": it checks them itself.
    own = {v.data for function in graph_quantizers(start) for v in function.inputs[1:]}
    parameters = network.parameters_in(start)
    _check_finite({name: v for name, v in parameters.items() if v.data not in own})
    return fold_batch_normalization(start, parameters)


def _check_finite(parameters: Mapping[str, nn.Variable]) -> None:
    for name, parameter in parameters.items():
        values = np.asarray(parameter.d)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int(values.size - np.isfinite(values).sum())
            raise ExportError(
                f"parameter {name} holds {bad} of {values.size} numbers that are NaN or infinite.",
                help="the training diverged or the file is damaged: export an earlier checkpoint",
            )
