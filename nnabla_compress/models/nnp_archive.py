# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reading what a network is stored in: the archive, the text of the networks, the parameters.

A file may come from anywhere, so that every size that it declares is checked before memory is taken
for it. Members are read by their endings and never written to the disk, whatever their names.
"""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from nnabla_compress.errors import CompressError, DataError, raised_in
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.models.network_files import (
    ARCHIVE,
    PARAMETERS,
    TEXT,
    network_file,
    parameter_file,
)
from nnabla_compress.models.nnp_names import replaced_names
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.models.stored_parameters import Parameter, check_hdf5, from_hdf5, from_proto
from nnabla_compress.models.stored_text import merge_binary, merge_text
from nnabla_compress.reading import open_file, read_bytes, read_member

BINARY = (".protobuf",)
HDF5 = (".h5",)
# More than any edge device holds, whatever the limits are.
MAX_BYTES = 2**32
_MEMBERS = 1000
_AGAIN = "save or get the file again"
# Whose code reads files: graphs, texts and messages, HDF5.
_READERS = ("nnabla", "google", "h5py")


@dataclass(frozen=True)
class NnpContents:
    """What an ``.nnp`` holds.

    Args:
        proto: The message ``NNablaProtoBuf`` with networks and executors, parameters removed, its
            variables named as NNabla can take it.
        parameters: Parameters by path, float32.
        limits: What the file may ask for.
    """

    proto: Any
    parameters: Dict[str, Parameter]
    limits: Limits


def read_nnp(path: Path) -> NnpContents:
    """Reads a stored network without building anything.

    Args:
        path: An ``.nnp``, or an ``.nntxt`` or ``.prototxt`` with its parameters beside it.

    Raises:
        DataError: If it is no file, cut short, damaged, no ``.nnp``, or asks for more than a
            file of its size may (:class:`~nnabla_compress.limits.Limits`).
    """
    if path.suffix in TEXT:
        return _read_pair(path)
    if path.suffix in PARAMETERS:
        raise DataError(
            f"{path} holds parameters, not a network.",
            help="name the .nntxt that lies beside it, or an .nnp",
        )
    if path.suffix == ".nnb":
        raise DataError(
            f"{path} is an .nnb file, an .nnp is needed here.",
            help="name the .nnp that it was made of; 'verify' runs .nnb files",
        )
    other = other_format(path)
    if other is not None and path.suffix.lower() != ".nnp":
        raise DataError(f"{path} is {other[0]}; an .nnp is needed here.", help=other[1])
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            limits = Limits.of(path.stat().st_size)
            names = _members(path, archive, limits)
            contents = {name: read_member(archive, name) for name in names}
    except CompressError:
        raise
    except RuntimeError as error:  # how zipfile says that a member is encrypted
        raise DataError(f"{path} can't be read: {_short(error)}.", help=_AGAIN) from error
    except Exception as error:  # zipfile, zlib, lzma and struct have errors of their own
        raise DataError(
            f"{path} is cut short, damaged or no .nnp file ({_short(error)}).", help=_AGAIN
        ) from error
    with readable(path):
        return _parse(path, contents, limits)


def check_parameters(path: Path) -> None:
    """Looks over a file with parameters before NNabla reads it.

    Args:
        path: An ``.h5`` or ``.protobuf``.

    Raises:
        DataError: If it is no file, or asks for more than a file of its size may.
        Exception: What HDF5 and protobuf raise on what they can't read.
    """
    if _ends(path.name, BINARY):
        from nnabla.utils import nnabla_pb2

        content = read_bytes(path, MAX_BYTES)
        limits = Limits.of(len(content))
        merge_binary(content, nnabla_pb2.NNablaProtoBuf(), limits, str(path))
    else:
        check_hdf5(path)


def as_archive(path: Path, folder: Path) -> Path:
    """Returns a network as an ``.nnp``, for tools that read nothing else.

    Args:
        path: A file, or a folder of results.
        folder: Where an ``.nnp`` is made of a text and its parameters.

    Raises:
        DataError: If the text or its parameters are missing or damaged.
    """
    file = network_file(path)
    if file.suffix not in TEXT:
        return file
    read_nnp(file)
    made = folder / f"{file.stem}{ARCHIVE}"
    parameters = parameter_file(file)
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("nnp_version.txt", "0.1\n")
        archive.write(file, f"network{TEXT[0]}")
        if parameters is not None:
            archive.write(parameters, f"parameter{parameters.suffix}")
    return made


def _read_pair(path: Path) -> NnpContents:
    """Reads a text and the parameters beside it."""
    beside = parameter_file(path)
    files = [path] if beside is None else [path, beside]
    try:
        read = {file.name: read_bytes(file, MAX_BYTES) for file in files}
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}.", help=_AGAIN) from error
    limits = Limits.of(sum(map(len, read.values())))
    with readable(path):
        contents = _parse(path, read, limits, beside=True)
    if not contents.parameters and beside is None and _reads_parameters(contents.proto):
        raise DataError(
            f"{path} holds a network without its parameters, and there are none beside it.",
            help=f"put the file with its parameters beside it, as {path.stem}.h5, parameters.h5 or "
            "parameters.protobuf; or name the .nnp (in Console: results.nnp)",
        )
    return contents


def _reads_parameters(proto: Any) -> bool:
    return any(v.type == "Parameter" for network in proto.network for v in network.variable)


def _members(path: Path, archive: zipfile.ZipFile, limits: Limits) -> List[str]:
    """Returns the names of the members to read, after a look at what all declare."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(infos) > _MEMBERS:
        raise DataError(
            f"{path} holds {len(infos):,} members, the limit is {_MEMBERS:,}.", help=_AGAIN
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path} holds {_quoted(twice[:1])} twice.", help=_AGAIN)
    for kind, endings in (("network", TEXT), ("parameters", HDF5 + BINARY + TEXT)):
        if not any(_ends(name, endings) for name in names):
            raise DataError(
                f"{path} holds no {kind} ({' or '.join('*' + ending for ending in endings)}), but "
                f"{_quoted(names) or 'nothing'}.",
                help=_AGAIN,
            )
    needed = [info for info in infos if _ends(info.filename, HDF5 + BINARY + TEXT)]
    size = sum(info.file_size for info in needed)
    check_limit(str(path), "unpacks to {:,} bytes", size, min(limits.bytes, MAX_BYTES))
    return [info.filename for info in needed]


def _ends(name: str, endings: Sequence[str]) -> bool:
    """Whether a member's name has one of some endings, compared as NNabla compares them."""
    return os.path.splitext(name)[1].lower() in endings


def is_text(name: str) -> bool:
    """Returns whether a member of an ``.nnp`` describes networks as text.

    Args:
        name: Its name.
    """
    return _ends(name, TEXT)


def _parse(
    path: Path, contents: Dict[str, bytes], limits: Limits, beside: bool = False
) -> NnpContents:
    """Reads the members of a file, or files beside it."""
    from nnabla.utils import nnabla_pb2

    proto = nnabla_pb2.NNablaProtoBuf()
    parameters: Dict[str, Parameter] = {}
    room = limits.bytes
    for name, content in contents.items():
        place = path.with_name(name) if beside else path
        with readable(place):
            if _ends(name, TEXT):
                merge_text(content, proto, limits, str(place))
            elif _ends(name, BINARY):
                merge_binary(content, proto, limits, str(place))
            else:
                read = from_hdf5(str(place), content, limits, room)
                room -= sum(parameter.values.nbytes for parameter in read.values())
                parameters.update(read)
    for stored in proto.parameter:
        parameters[stored.variable_name] = from_proto(str(path), stored)
    proto.ClearField("parameter")
    new = replaced_names(proto, parameters)
    renamed = {new.get(name, name): p for name, p in parameters.items()}
    return NnpContents(proto, renamed, limits)


@contextmanager
def readable(path: Path, what: str = "") -> Iterator[None]:
    """Turns whatever its readers raise on a bad file into one message.

    What this package raises itself, and no error of ours is, is a defect of it: that passes.

    Args:
        path: The file.
        what: What of it is being read, e.g. ``"network 'a' of "``.

    Raises:
        DataError: Instead of any error of NNabla's, or of what reads text formats and HDF5.
    """
    try:
        yield
    except (CompressError, MemoryError):
        raise
    except Exception as error:
        if not raised_in(error, _READERS):
            raise
        text = _short(error)
        kind = type(error).__name__
        raise DataError(
            f"NNabla can't read {what}{path} ({kind + ': ' + text if text else kind}).",
            help="save or get the file again; functions of Python can't be stored in an .nnp",
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(error)[:2000].split())[:300]


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) < 80 else name[:77] + "..." for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
