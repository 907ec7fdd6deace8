# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's converter to ``.nnb`` without the values of parameters in its hands.

The converter keeps each number as an object of Python and copies the file with each parameter, some
600 bytes a weight. Here it converts a network whose parameters hold no numbers, which gives all
records and lists of the file; the numbers are put into their places as the file is written.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple

import h5py
import numpy as np
from nnabla.utils.converter.nnabla import NnpImporter
from nnabla.utils.converter.nnablart import NnbExporter
from nnabla.utils.nnabla_pb2 import NNablaProtoBuf

from nnabla_compress.exporters.converter_settings import write_types
from nnabla_compress.lowering.nnb_contents import content_of, fitting_position, turned
from nnabla_compress.nnb import NnbFile, NnbVariable, read_nnb
from nnabla_compress.nnb.sources import Source, source_of

_VERSION = 3  # of the format whose buffers are counted in bytes
_FLOAT = "FLOAT32"
_CUT = ("BinaryConnectConvolution", "BinaryWeightConvolution")  # input 1 is one element in a file
_RESOLVED = "GRU"  # written out by the converter, which takes the numbers of its weights apart


@contextmanager
def converted(
    nnp: Path, folder: Path, api: int, batch_size: int, types: Mapping[str, str]
) -> Iterator[NnbFile]:
    """Gives an ``.nnp`` as the file that NNabla's converter makes of it.

    Args:
        nnp: The file.
        folder: A folder for files that exist within the block.
        api: API level of the runtime.
        batch_size: Rows of the inputs.
        types: Types of variables by name.

    Yields:
        The network. Values of parameters are read from the disk as they are asked for, which must
        happen within the block.

    Raises:
        Exception: Whatever NNabla's converter raises on a network that it can't convert.
    """
    with ExitStack() as opened:
        importer = _Importer(nnp, opened)
        read = importer.execute()
        sources = importer.taken(read.protobuf)
        stated = {name: _stated(name, text, sources) for name, text in types.items()}
        settings, skeleton = folder / "settings.yaml", folder / "skeleton.nnb"
        write_types(settings, stated)
        given = [str(settings)] if stated else None
        exporter = _Exporter(read, batch_size, nnb_version=_VERSION, api_level=api)
        exporter.execute(str(skeleton), None, given, [_FLOAT])
        yield _filled(read_nnb(skeleton), exporter._info, sources)


class _Importer(NnpImporter):
    """NNabla's reader of ``.nnp`` files, which leaves the numbers where they are."""

    def __init__(self, nnp: Path, opened: ExitStack) -> None:
        super().__init__(str(nnp), expand_network=False)
        self._opened, self._sources = opened, {}  # type: ExitStack, Dict[str, Source]

    def load_parameters(self, filename: str) -> None:
        if os.path.splitext(filename)[1].lower() == ".h5":
            file = self._opened.enter_context(h5py.File(filename, "r"))
            found = []
            file.visititems(
                lambda name, item: (
                    found.append((item.attrs.get("index", None), name))
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
            for _, name in sorted(found):
                parameter = self._nnp.parameter.add()
                parameter.variable_name = name
                parameter.shape.dim.extend(file[name].shape)
                parameter.need_grad = bool(file[name].attrs["need_grad"])
                self._sources[name] = source_of(file[name])
            return
        content = NNablaProtoBuf()
        content.MergeFromString(Path(filename).read_bytes())
        self._sources.update(_moved(content))
        self._nnp.MergeFrom(content)

    def taken(self, proto: Any) -> Dict[str, Source]:
        """Takes the numbers out of a network that was read, and returns all there are, by name."""
        self._sources.update(_moved(proto))
        if not any(f.type == _RESOLVED for network in proto.network for f in network.function):
            return self._sources
        for parameter in proto.parameter:
            if parameter.variable_name in self._sources:
                parameter.data.extend(self._sources[parameter.variable_name].array().ravel())
        return {}


class _Exporter(NnbExporter):
    """NNabla's writer of ``.nnb`` files, in time that grows with the file, not with its square."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._memory_data = bytearray()

    def _alloc(self, size: int = -1, data: bytes = b"") -> Tuple[int, None]:
        """Appends data; the second number, which NNabla adds up from all before, nobody reads."""
        assert size < 0 or len(data) <= size
        index = len(self._memory_index)
        self._memory_index.append(len(self._memory_data))
        self._memory_data += data
        self._memory_data += bytes(self._align(len(data)) - len(data))
        return index, None


def _moved(proto: Any) -> Dict[str, Source]:
    """Takes the numbers of a message's parameters out of it."""
    found = {}
    for parameter in proto.parameter:
        if len(parameter.data):
            shape = tuple(parameter.shape.dim)
            values = np.array(parameter.data, np.float32)
            fits = min(shape, default=1) >= 0 and np.prod(shape, dtype=object) == values.size
            found[parameter.variable_name] = source_of(values.reshape(shape) if fits else values)
            parameter.ClearField("data")
    return found


def _stated(name: str, text: str, sources: Mapping[str, Source]) -> str:
    """The type of a variable with its fraction bits, where these follow from its values."""
    if text.startswith("FIXED") and "_" not in text and name in sources:
        return f"{text}_{fitting_position(sources[name], text)}"
    return text


def _filled(network: NnbFile, info: Any, sources: Mapping[str, Source]) -> NnbFile:
    """Puts the values of parameters into the file that was made without them."""
    transposed = info._convert_context.get("Affine", set())
    cut = {f.input[1] for f in info._network.function if f.type in _CUT}
    variables = []
    for variable, stated in zip(network.variables, info._network.variable):
        source = sources.get(stated.name)
        if stated.type == "Parameter" and source is not None and variable.data is not None:
            if stated.name not in info._generator_variables:
                rows = info._variables[stated.name].shape.dim[:1]
                variable = _with_values(
                    variable,
                    source,
                    tuple(rows) if stated.name in transposed else (),
                    stated.name in cut,
                )
        variables.append(variable)
    return replace(network, variables=tuple(variables))


def _with_values(
    variable: NnbVariable, source: Source, rows: Tuple[int, ...], cut: bool
) -> NnbVariable:
    kind = variable.type, variable.fp_pos
    if variable.type == "SIGN" and source.size % 8:
        raise ValueError(f"{source.size} signs of shape {source.shape} fill no whole bytes")
    if cut:
        first = next(iter(source.make()))[:1] if source.size else np.empty(0, np.float32)
        return replace(variable, data=content_of(source_of(first), *kind))
    if not rows:
        return replace(variable, data=content_of(source, *kind))
    if source.size % rows[0]:
        raise ValueError(f"{source.size} weights of an Affine for {rows[0]} inputs")
    flat = Source((rows[0], source.size // rows[0]), source.make)
    return replace(variable, data=turned(flat, *kind))
