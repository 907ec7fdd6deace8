# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an ``.nnp`` file holds: networks, layers, bytes, distinct weight values."""

from __future__ import annotations

import json
import zipfile
from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.exporters.archive import METADATA
from nnabla_compress.graph.layers import Layer, layers
from nnabla_compress.graph.rewrite import functions, leaves
from nnabla_compress.models.nnp import NnpFile


@dataclass(frozen=True)
class LayerSummary:
    """A layer of a network.

    Args:
        name: Parameter scope of its weight.
        type: Type of its function.
        shape: Shape of the weight.
        output_shape: Shape of the output for one sample.
        parameters: Weights and biases; 0 if an earlier layer has the same weight.
        macs: Multiply-accumulate operations for one sample.
        bytes: Bytes of the parameters as they are in the file, 4 each.
        distinct: Number of distinct weight values.
        packed_bytes: Bytes of the packed weights, if the file was exported with a quantizer.
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


@dataclass(frozen=True)
class NetworkSummary:
    """A network of a file.

    Args:
        name: Its name.
        inputs: Shapes of the inputs by name, with the batch size of the file.
        outputs: Shapes of the outputs, likewise.
        functions: Number of functions of each type, in the order of execution.
        layers: Its layers in the order of execution.
        parameters: Number of all its parameters, running statistics included.
    """

    name: str
    inputs: Dict[str, Tuple[int, ...]]
    outputs: Dict[str, Tuple[int, ...]]
    functions: Dict[str, int]
    layers: Tuple[LayerSummary, ...]
    parameters: int

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of all layers for one sample."""
        return sum(layer.macs for layer in self.layers)

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
        networks: Its networks.
        compression: What the export noted in it; None if another tool wrote the file.
    """

    path: Path
    bytes: int
    networks: Tuple[NetworkSummary, ...]
    compression: Optional[Dict[str, Any]] = None


def summary(path: Union[str, Path]) -> FileSummary:
    """Reads what an ``.nnp`` file holds; parameter scopes stay as they are.

    Args:
        path: The file, of any tool.

    Returns:
        Its networks with their layers.

    Raises:
        DataError: If the file is missing, damaged, or can't be read by NNabla.

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
    """
    file = NnpFile(path)
    compression = _compression(file.path)
    rows = (compression or {}).get("layers", [])
    packed = {row["name"]: row["packed_bytes"] for row in rows if row["quantizer"]}
    networks = []
    for name in file.names:
        scope: OrderedDict[str, Any] = OrderedDict()
        with nn.parameter_scope("", scope):
            network = file.build(name)
            parameters = nn.get_parameters(grad_only=False)
        outputs = list(network.outputs.values())
        used = {leaf.data for leaf in leaves(outputs)}
        networks.append(
            NetworkSummary(
                name=name,
                inputs={key: tuple(v.shape) for key, v in network.inputs.items()},
                outputs={key: tuple(v.shape) for key, v in network.outputs.items()},
                functions=dict(Counter(f.info.type_name for f in functions(outputs))),
                layers=tuple(_layer(layer, packed) for layer in layers(outputs, parameters)),
                parameters=sum(p.size for p in parameters.values() if p.data in used),
            )
        )
    return FileSummary(file.path, file.path.stat().st_size, tuple(networks), compression)


def _layer(layer: Layer, packed: Mapping[str, int]) -> LayerSummary:
    return LayerSummary(
        name=layer.name,
        type=layer.type,
        shape=layer.shape,
        output_shape=layer.output_shape[1:],
        parameters=layer.parameters,
        macs=layer.macs,
        bytes=4 * layer.parameters,
        distinct=len(np.unique(layer.weight.d)),
        packed_bytes=packed.get(layer.name),
    )


def _compression(path: Path) -> Optional[Dict[str, Any]]:
    """Returns what our export noted, None if there is nothing that can be understood."""
    with zipfile.ZipFile(path) as archive:
        if METADATA not in archive.namelist():
            return None
        try:
            noted = json.loads(archive.read(METADATA))
        except ValueError:
            return None
    if not isinstance(noted, dict) or not isinstance(noted.get("layers"), list):
        return None
    rows = noted["layers"]
    known = all(
        isinstance(r, dict) and {"name", "packed_bytes", "quantizer"} <= r.keys() for r in rows
    )
    return noted if known else None
