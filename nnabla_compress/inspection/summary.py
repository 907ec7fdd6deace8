# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an ``.nnp`` file holds: networks, layers and their encodings, costs, what is in the way."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.activation_rows import ActivationRow, activation_rows
from nnabla_compress.analysis.compact_layers import compact_layers
from nnabla_compress.analysis.costs import NetworkCosts, costs
from nnabla_compress.analysis.layers import WEIGHT, Layer, layers
from nnabla_compress.analysis.recognize import with_nodes
from nnabla_compress.analysis.redundancy import Redundancy, redundancy
from nnabla_compress.analysis.stored_encodings import StoredEncoding, encoding_of
from nnabla_compress.analysis.zero_channels import ZeroChannels, zero_channels
from nnabla_compress.encodings import CODES
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.exporters.metadata import read_metadata
from nnabla_compress.function_types import TRAINING_ONLY
from nnabla_compress.graph.rewrite import functions, leaves
from nnabla_compress.inspection.device_sizes import DeviceSizes, device_sizes
from nnabla_compress.inspection.obstacles import Obstacle, obstacles, preprocessing
from nnabla_compress.lowering.native import fold_constants
from nnabla_compress.lowering.storage import weight_path
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.models.nnp_archive import readable
from nnabla_compress.models.nnp_executors import Executor
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class LayerSummary:
    """A weight of a network and the functions that read it.

    Args:
        name: Parameter scope of the weight.
        type: Type of the function.
        shape: Shape of the weight.
        output_shape: Shape of the output for one sample; of the first function.
        parameters: Weights and biases.
        macs: Multiply-accumulate operations for one sample, of all functions.
        bytes: Bytes of the parameters as they are in the file, 4 each.
        distinct: Number of distinct weight values.
        packed_bytes: Bytes of the packed weights, if the file was exported with a quantizer.
        weights: How the weight is encoded: as the export noted, or by NNabla's own quantizers.
        input: How its input is encoded, as the functions before it tell.
        readers: How many functions read the weight, such as the steps of a recurrent cell.
    """

    name: str
    type: str
    shape: Tuple[int, ...]
    output_shape: Tuple[int, ...]
    parameters: int
    macs: int
    bytes: int
    distinct: int
    packed_bytes: Optional[int] = None
    weights: StoredEncoding = StoredEncoding()
    input: StoredEncoding = StoredEncoding()
    readers: int = 1


@dataclass(frozen=True)
class NetworkSummary:
    """A network of a file, as it infers.

    Args:
        name: Its name.
        inputs: Shapes of the inputs by name, with the batch size of the file.
        outputs: Shapes of the outputs, likewise.
        functions: Number of functions of each type, in the order of execution.
        layers: Its layers in the order of execution, each weight once.
        parameters: Number of all its parameters, running statistics included.
        costs: Of the whole network, at the bits that weights and activations have.
        activations: Its activations in the order of execution, and other quantized tensors.
        preprocessing: Scalars applied to an input before anything else.
        left_out: Functions in the file that only act in training, by type.
        loops: Turns of the loops in the file, by name; all turns are counted.
        obstacles: What can't be compressed or exported, and why.
        zero_channels: Layers with channels that are computed for nothing.
        redundancy: How alike the filters of its layers are.
        compact: NNabla's own compact layers, with kind and rank.
        device: What it takes on the C runtime; None if that can't be told.
    """

    name: str
    inputs: Dict[str, Tuple[int, ...]]
    outputs: Dict[str, Tuple[int, ...]]
    functions: Dict[str, int]
    layers: Tuple[LayerSummary, ...]
    parameters: int
    costs: NetworkCosts
    activations: Tuple[ActivationRow, ...] = ()
    preprocessing: Tuple[str, ...] = ()
    left_out: Dict[str, int] = field(default_factory=dict)
    loops: Dict[str, int] = field(default_factory=dict)
    obstacles: Tuple[Obstacle, ...] = ()
    zero_channels: Tuple[ZeroChannels, ...] = ()
    redundancy: Tuple[Redundancy, ...] = ()
    compact: Tuple[str, ...] = ()
    device: Optional[DeviceSizes] = None

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of all layers for one sample."""
        return self.costs.macs

    @property
    def bytes(self) -> int:
        """Bytes of all parameters, 4 each."""
        return 4 * self.parameters


@dataclass(frozen=True)
class FileSummary:
    """An ``.nnp`` file.

    Args:
        path: The file.
        bytes: Its size.
        networks: Its networks that can be built.
        compression: What the export noted in it; None if another tool wrote the file.
        executors: Its executors.
        failures: Why the other networks can't be built, by name.
    """

    path: Path
    bytes: int
    networks: Tuple[NetworkSummary, ...]
    compression: Optional[Dict[str, Any]] = None
    executors: Tuple[Executor, ...] = ()
    failures: Dict[str, str] = field(default_factory=dict)


@one_at_a_time
def summary(path: Union[str, Path]) -> FileSummary:
    """Reads what an ``.nnp`` file holds; parameter scopes stay as they are.

    Args:
        path: The file, of any tool.

    Returns:
        Its networks with their layers.

    Raises:
        DataError: If the file is missing, damaged, or none of its networks can be built.

    Example:
        >>> import tempfile, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnp
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 16))
        >>> y = PF.affine(x, 10, apply_w=LUT(bits=2), name="fc")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export_nnp(f"{folder}/net.nnp", y, x)
        ...     layer, = summary(f"{folder}/net.nnp").networks[0].layers
        >>> layer.name, layer.parameters, layer.bytes, layer.distinct, layer.packed_bytes
        ('fc/affine', 170, 680, 4, 56)
        >>> str(layer.weights), str(layer.input)
        ('LUT 2 bit', 'float')
    """
    file = NnpFile(path)
    compression = noted_by_export(file.path)
    rows = (compression or {}).get("layers", [])
    noted = {row["name"]: row for row in rows if row["quantizer"]}
    networks, failures = [], {}
    for name in file.names:
        try:
            with readable(file.path, f"network {name[:80]!r} of "):
                found = _network(file, name, noted)
                device = device_sizes(file, name, exported=compression is not None)
                networks.append(replace(found, device=device))
        except CompressError as error:
            failures[name] = error
    if not networks:
        raise next(iter(failures.values()))
    return FileSummary(
        file.path,
        file.path.stat().st_size,
        tuple(networks),
        compression,
        file.executors,
        {name: str(error) for name, error in failures.items()},
    )


def _network(file: NnpFile, name: str, noted: Mapping[str, Any]) -> NetworkSummary:
    scope: OrderedDict[str, Any] = OrderedDict()
    with nn.parameter_scope("", scope):
        network = file.build(name)
        parameters = nn.get_parameters(grad_only=False)
        outputs, inputs = network.all_outputs, network.all_inputs
        if not outputs:
            raise DataError(
                f"network {name[:80]!r} of {file.path} has no output.", help="save it again"
            )
        stored = file.stored_functions(name)
        types = Counter(f.info.type_name for f in functions(outputs))
        outputs = _decoded(outputs, inputs, parameters, noted)
        parameters = _as_weights(parameters)
        known = {**{p.data: p for p in parameters.values()}, **{v.data: v for v in leaves(outputs)}}
        used = {leaf.data for leaf in leaves(outputs)} - {v.data for v in inputs}
        quantized = with_nodes(outputs)
        found = layers(quantized, parameters)
        # An export stores a shared weight of several Affine functions once for each.
        copies = {
            layer.weight.d.tobytes(): noted[layer.name] for layer in found if layer.name in noted
        }
        reading: OrderedDict[Any, List[Layer]] = OrderedDict()
        for layer in found:
            reading.setdefault(layer.weight.data, []).append(layer)
        rows = tuple(
            _layer(same, noted.get(same[0].name) or copies.get(same[0].weight.d.tobytes()))
            for same in reading.values()
        )
        total = costs(quantized, parameters, inputs)
        return NetworkSummary(
            name=name,
            inputs={key: tuple(v.shape) for key, v in network.inputs.items()},
            outputs={key: tuple(v.shape) for key, v in network.outputs.items()},
            functions=dict(types),
            layers=rows,
            parameters=sum(known[data].size for data in used),
            costs=replace(total, weight_bytes=total.float_weight_bytes - _saved(found, rows)),
            activations=activation_rows(quantized, inputs),
            preprocessing=preprocessing(quantized, inputs),
            left_out={kind: stored[kind] for kind in TRAINING_ONLY if kind in stored},
            loops=file.loops(name),
            obstacles=(*_of_reading(file, name), *obstacles(outputs, inputs, parameters)),
            zero_channels=tuple(zero_channels(quantized, parameters)),
            redundancy=tuple(redundancy(quantized, parameters)),
            compact=tuple(str(each) for each in compact_layers(found)),
        )


def _of_reading(file: NnpFile, name: str) -> List[Obstacle]:
    """What a network is read as, where that is not what every verb expects."""
    found = [
        Obstacle(state, "no executor of the file gives data to it, so it starts from zeros")
        for state in file.zeros(name)
    ]
    rows = file.only_batch(name)
    if rows is not None:
        text = f"it is computed with {rows} sample(s) at a time: that batch size is written into it"
        found.append(Obstacle("the whole network", text))
    return found


def _decoded(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
    noted: Mapping[str, Any],
) -> List[nn.Variable]:
    """Returns the graph with weights that our export stored as codes decoded to parameters."""
    if not any(name.endswith(CODES) for name in parameters) or not noted:
        return list(outputs)
    paths = {parameter.data: weight_path(name) for name, parameter in parameters.items()}
    return fold_constants(outputs, inputs, paths)


def _as_weights(parameters: Mapping[str, nn.Variable]) -> Dict[str, nn.Variable]:
    """Returns parameters with the codes of a weight, which a layer may read, under its path."""
    return {
        weight_path(name) if name.endswith(CODES) else name: parameter
        for name, parameter in parameters.items()
    }


def _saved(found: Sequence[Layer], rows: Sequence[LayerSummary]) -> int:
    """Returns the bytes that the weights' encodings save, without tables."""
    saved = 0
    for layer, row in zip((layer for layer in found if not layer.shared), rows):
        if row.weights.bits is not None:
            size = int(layer.weight.size)
            saved += 4 * size - int(-(-size * row.weights.bits // 8))
    return saved


def _layer(same: Sequence[Layer], row: Optional[Mapping[str, Any]]) -> LayerSummary:
    """Returns the row of a weight, of which ``same`` are all layers."""
    layer = same[0]
    parameters = sum(each.parameters for each in same)
    return LayerSummary(
        name=layer.name,
        type=layer.type,
        shape=layer.shape,
        output_shape=layer.output_shape[1:],
        parameters=parameters,
        macs=sum(each.macs for each in same),
        bytes=4 * parameters,
        distinct=len(np.unique(layer.weight.d)),
        packed_bytes=None if row is None else row["packed_bytes"],
        weights=(
            encoding_of(layer.function.inputs[WEIGHT])
            if row is None
            else StoredEncoding(row["quantizer"], row["bits"])
        ),
        input=encoding_of(layer.function.inputs[0]),
        readers=len(same),
    )


def noted_by_export(path: Path) -> Optional[Dict[str, Any]]:
    """Returns what an export noted in its ``.nnp``, None if there is nothing to be understood.

    Args:
        path: The file, of any tool.
    """
    noted = read_metadata(path)
    if not isinstance(noted.get("layers"), list):
        return None
    return noted if all(map(_is_row, noted["layers"])) else None


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(key), str) for key in ("name", "quantizer"))
        and all(isinstance(row.get(key), (int, float)) for key in ("packed_bytes", "bits"))
        and all(0 <= row[key] < 2**40 for key in ("packed_bytes", "bits"))
    )
