# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reading what a network is stored in: the archive, the text of the networks, the parameters.

A file may come from anywhere, so that every size that it declares is checked before memory is taken
for it. Members are read by their endings and never written to the disk, whatever their names.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import CompressError, DataError, raised_in
from nnabla_compress.models.network_files import (
    ARCHIVE,
    PARAMETERS,
    TEXT,
    network_file,
    parameter_file,
)
from nnabla_compress.models.nnp_names import replaced_names
from nnabla_compress.models.other_formats import other_format

BINARY = (".protobuf",)
HDF5 = (".h5",)
# An edge device's networks take megabytes. A text of 32 MiB holds some 200,000 functions.
MAX_BYTES = 2**30
MAX_TEXT_BYTES = 2**25
_MEMBERS = 1000
_AGAIN = "save or get the file again"
# Whose code reads files: graphs, texts and messages, HDF5.
_READERS = ("nnabla", "google", "h5py")


@dataclass(frozen=True)
class Parameter:
    """A stored parameter: its values, and whether a solver trains it."""

    values: np.ndarray
    need_grad: bool


@dataclass(frozen=True)
class NnpContents:
    """What an ``.nnp`` holds.

    Args:
        proto: The message ``NNablaProtoBuf`` with networks and executors, parameters removed, its
            variables named as NNabla can take it.
        parameters: Parameters by path, float32.
    """

    proto: Any
    parameters: Dict[str, Parameter]


def read_nnp(path: Path) -> NnpContents:
    """Reads a stored network without building anything.

    Args:
        path: An ``.nnp``, or an ``.nntxt`` or ``.prototxt`` with its parameters beside it.

    Raises:
        DataError: If it is no file, cut short, damaged, no ``.nnp``, or larger than ``MAX_BYTES``.
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
        with zipfile.ZipFile(path) as archive:
            names = _members(path, archive)
            contents = {name: archive.read(name) for name in names}
    except CompressError:
        raise
    except RuntimeError as error:  # how zipfile says that a member is encrypted
        raise DataError(f"{path} can't be read: {_short(error)}.", help=_AGAIN) from error
    except Exception as error:  # zipfile, zlib, lzma and struct have errors of their own
        raise DataError(
            f"{path} is cut short, damaged or no .nnp file ({_short(error)}).", help=_AGAIN
        ) from error
    with readable(path):
        return _parse(path, contents)


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
    _limit(path, "and its parameters take", sum(file.stat().st_size for file in files), MAX_BYTES)
    _limit(path, "is a text of", path.stat().st_size, MAX_TEXT_BYTES)
    with readable(path):
        contents = _parse(path, {file.name: file.read_bytes() for file in files})
    if not contents.parameters and beside is None and _reads_parameters(contents.proto):
        raise DataError(
            f"{path} holds a network without its parameters, and there are none beside it.",
            help=f"put the file with its parameters beside it, as {path.stem}.h5, parameters.h5 or "
            "parameters.protobuf; or name the .nnp (in Console: results.nnp)",
        )
    return contents


def _reads_parameters(proto: Any) -> bool:
    return any(v.type == "Parameter" for network in proto.network for v in network.variable)


def _members(path: Path, archive: zipfile.ZipFile) -> List[str]:
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
    _limit(path, "unpacks to", sum(info.file_size for info in needed), MAX_BYTES)
    text = sum(info.file_size for info in needed if _ends(info.filename, TEXT))
    _limit(path, "holds text of", text, MAX_TEXT_BYTES)
    return [info.filename for info in needed]


def _ends(name: str, endings: Sequence[str]) -> bool:
    """Whether a member's name has one of some endings, compared as NNabla compares them."""
    return os.path.splitext(name)[1].lower() in endings


def _limit(path: Path, what: str, size: int, limit: int) -> None:
    if size > limit:
        raise DataError(
            f"{path} {what} {size:,} bytes, the limit is {limit:,}.",
            help="such a file is damaged, or its network too large for an edge device",
        )


def _parse(path: Path, contents: Dict[str, bytes]) -> NnpContents:
    from google.protobuf import text_format
    from nnabla.utils import nnabla_pb2

    proto = nnabla_pb2.NNablaProtoBuf()
    parameters: Dict[str, Parameter] = {}
    room = MAX_BYTES
    for name, content in contents.items():
        if _ends(name, TEXT):
            text_format.Merge(content, proto)
        elif _ends(name, BINARY):
            proto.MergeFromString(content)
        else:
            read = _read_hdf5(path, content, room)
            room -= sum(parameter.values.nbytes for parameter in read.values())
            parameters.update(read)
    for stored in proto.parameter:
        parameters[stored.variable_name] = _from_proto(path, stored)
    proto.ClearField("parameter")
    new = replaced_names(proto, parameters)
    return NnpContents(proto, {new.get(name, name): p for name, p in parameters.items()})


def _from_proto(path: Path, stored: Any) -> Parameter:
    shape = tuple(stored.shape.dim)
    if min(shape, default=1) < 0 or elements(shape) != len(stored.data):
        raise DataError(
            f"parameter {_quoted([stored.variable_name])} of {path} has the shape {shape} but "
            f"{len(stored.data):,} values.",
            help=_AGAIN,
        )
    values = np.array(stored.data, dtype=np.float32).reshape(shape)
    return Parameter(values, bool(stored.need_grad))


def _read_hdf5(path: Path, content: bytes, room: int) -> Dict[str, Parameter]:
    import h5py

    found: List[Tuple[int, str, Any]] = []
    with h5py.File(io.BytesIO(content), "r") as file:

        def look(name: str, item: Any) -> None:
            nonlocal room
            if not isinstance(item, h5py.Dataset):
                return
            # Either would have other files of this machine read.
            if item.external or item.is_virtual:
                raise DataError(
                    f"parameter {_quoted([name])} of {path} refers to another file.", help=_AGAIN
                )
            if item.dtype.kind not in "fiub" or item.dtype.itemsize > 8 or item.shape is None:
                raise DataError(
                    f"parameter {_quoted([name])} of {path} is of type {item.dtype}.", help=_AGAIN
                )
            size = elements(item.shape) * max(4, item.dtype.itemsize)
            if size > room:
                raise DataError(
                    f"parameter {_quoted([name])} of {path} has the shape {item.shape}, "
                    f"{size:,} bytes; the limit for all is {MAX_BYTES:,}.",
                    help=_AGAIN,
                )
            room -= size
            found.append((_index(item.attrs.get("index"), len(found)), name, item))

        file.visititems(look)
        return {
            name: Parameter(np.asarray(item[...], dtype=np.float32), bool(item.attrs["need_grad"]))
            for _, name, item in sorted(found, key=lambda each: each[:2])
        }


def _index(stored: Any, position: int) -> int:
    """The place of a parameter among the others, as far as the file tells."""
    return int(stored) if isinstance(stored, (int, np.integer)) else position


def elements(shape: Sequence[int]) -> int:
    """Returns the number of elements of a shape, without overflow.

    Example:
        >>> elements([2**40, 2**40]) == 2**80
        True
    """
    product = 1
    for size in shape:
        product *= int(size)
    return product


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
