# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The members of an ``.nnp``: the text of the network, and its parameters, a piece at a time.

The bytes are those that ``nnabla.utils.save`` writes, deflated: codes are floats in an ``.nnp``, 32
bits for one to eight, which then take little more than their bits. All members have one date: the
same network, the same bytes.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

import h5py
import nnabla as nn
import numpy as np
from google.protobuf import text_format
from nnabla.core.graph_def import ProtoGraphGenerator, ProtoVariable
from nnabla.utils.nnp_format import nnp_version
from nnabla.utils.save import create_proto

from nnabla_compress.kept_errors import KeptErrors
from nnabla_compress.nnb.content import blocks
from nnabla_compress.nnb.sources import Source, held, source_of

_VERSION, _TEXT, _PARAMETERS = "nnp_version.txt", "network.nntxt", "parameter.h5"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can state
_MODE = 0o644
_LEVEL = 3  # of zlib: higher ones take longer and gain little
_COPIED = 1 << 20


def network_text(contents: Mapping[str, Any], any_batch_size: bool) -> str:
    """Returns the text of networks and executors, without parameters.

    Args:
        contents: As of ``nnabla.utils.save.save``; parameters are those of the current scope.
        any_batch_size: Whether the first axis is left open.
    """
    text = io.StringIO()
    with _shapes_alone():
        text_format.PrintMessage(create_proto(contents, False, any_batch_size), text)
    return text.getvalue()


@contextmanager
def _shapes_alone() -> Iterator[None]:
    """Lets NNabla describe parameters by their shapes.

    It asks for their values to take the shape of these, which puts all codes into memory as zeros.
    """
    own = ProtoGraphGenerator.__call__

    def described(self: Any, function: Any) -> None:
        for variable in function.inputs if str(function) != "Sink" else ():
            if variable.data not in self.variables:
                kind = "Parameter" if variable.data in self.params else "Buffer"
                described = ProtoVariable(variable.shape, var_type=kind)
                described.variable_instance = variable
                described.name = self.names.get(variable.data)
                self.variables[variable.data] = described
        own(self, function)

    ProtoGraphGenerator.__call__ = described
    try:
        yield
    finally:
        ProtoGraphGenerator.__call__ = own


def write_members(
    path: Path, text: str, parameters: Mapping[str, nn.Variable], codes: Mapping[Any, Source]
) -> None:
    """Writes an ``.nnp``.

    Args:
        path: The file, replaced if there.
        text: Of the network.
        parameters: Its parameters by path.
        codes: Values of parameters that have none in memory, by their array.
    """
    with tempfile.TemporaryFile(dir=str(path.parent), buffering=0) as file:
        kept = KeptErrors(file)
        _write_parameters(kept, parameters, codes)
        if kept.error is not None:
            raise kept.error
        with zipfile.ZipFile(path, "w") as archive:
            _add(archive, _VERSION, f"{nnp_version()}\n".encode())
            _add(archive, _TEXT, text.encode("utf-8"))
            entry = _entry(_PARAMETERS)
            entry.file_size, entry._compresslevel = file.seek(0, 2), _LEVEL  # type: ignore[attr-defined]
            file.seek(0)
            with archive.open(entry, "w") as member:
                shutil.copyfileobj(file, member, _COPIED)


def add_members(path: Path, members: Mapping[str, bytes]) -> None:
    """Adds small members to an ``.nnp``.

    Args:
        path: The file.
        members: Their contents by name.
    """
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in members.items():
            _add(archive, name, content)


def members_differ(
    path: Path, text: str, parameters: Mapping[str, nn.Variable], codes: Mapping[Any, Source]
) -> str:
    """Returns what an ``.nnp`` holds otherwise than it was given to :func:`write_members`, else "".

    Args:
        path: The file.
        text: Of the network.
        parameters: Its parameters by path.
        codes: As of :func:`write_members`.
    """
    with tempfile.TemporaryFile(dir=str(path.parent)) as file:
        with zipfile.ZipFile(path) as archive:
            if archive.read(_TEXT).decode("utf-8") != text:
                return "its text is another one"
            with archive.open(_PARAMETERS) as member:
                shutil.copyfileobj(member, file, _COPIED)
        file.seek(0)
        with h5py.File(file, "r") as stored:
            for name, variable in parameters.items():
                expected = codes.get(variable.data) or held(variable)
                if stored[name].shape != expected.shape:
                    return f"parameter {name} has another shape"
                pairs = zip(in_blocks(expected), source_of(stored[name]).make())
                if not all(np.array_equal(one, other) for one, other in pairs):
                    return f"parameter {name} holds other values"
    return ""


def _write_parameters(
    file: Any, parameters: Mapping[str, nn.Variable], codes: Mapping[Any, Source]
) -> None:
    """Writes an HDF5 file in the order in which NNabla does, which its bytes follow from."""
    with h5py.File(file, "w") as stored:
        for number, (name, variable) in enumerate(parameters.items()):
            source = codes.get(variable.data)
            if source is None:
                stored[name] = variable.data.get_data("r")
            else:
                values = stored.create_dataset(None, source.shape, "<f4")
                shape = np.broadcast_to(np.float32(0), source.shape)
                for block, piece in zip(blocks(source.shape), in_blocks(source)):
                    values[block] = piece.reshape(shape[block].shape)
                stored[name] = values
            stored[name].attrs["need_grad"] = variable.need_grad
            stored[name].attrs["index"] = number


def in_blocks(source: Source) -> Iterator[np.ndarray]:
    """Yields the values of a parameter flat, in pieces as :func:`blocks` cuts its shape.

    Args:
        source: The values, in pieces of any lengths.
    """
    shape = np.broadcast_to(np.float32(0), source.shape)
    wanted = (shape[block].size for block in blocks(source.shape))
    return _cut(source.make(), wanted)


def _cut(made: Iterable[np.ndarray], sizes: Iterable[int]) -> Iterator[np.ndarray]:
    pieces, rest = iter(made), np.empty(0, np.float32)
    for size in sizes:
        parts, count = [], 0
        while count < size:
            if not rest.size:
                rest = next(pieces)
            parts.append(rest[: size - count])
            count += parts[-1].size
            rest = rest[parts[-1].size :]
        yield parts[0] if len(parts) == 1 else np.concatenate([*parts, rest[:0]])


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE << 16
    return entry


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_entry(name), content, compresslevel=_LEVEL)
