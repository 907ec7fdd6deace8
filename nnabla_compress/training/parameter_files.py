# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters and solver states in HDF5 files, written by one function.

HDF5 itself must never meet a full disk: it ends the process. What writing meets waits until HDF5
has let go of the file. What is read is compared with its
checksum before HDF5 sees it, and with the network that it is for before anything of it is taken.
"""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Tuple

import h5py
import nnabla as nn
import numpy as np

from nnabla_compress.checksums import check_bytes, write_made
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.logs import quiet
from nnabla_compress.models.nnp_archive import MAX_BYTES
from nnabla_compress.models.stored_parameters import check_hdf5
from nnabla_compress.reading import read_bytes

# Shape and type of each array of a file.
Layout = Mapping[str, Tuple[Sequence[int], str]]


def save_parameters(path: Path) -> str:
    """Writes the parameters of the current scope to an ``.h5`` file that NNabla reads.

    Args:
        path: The file.

    Returns:
        Its checksum.

    Raises:
        ConfigError: If it can't be written; what stood there before stays.
    """
    for parameter in nn.get_parameters(grad_only=False).values():
        # Values that were given as float64 stay so until they are computed with.
        if parameter.data.dtype == np.float64:
            parameter.data.cast(np.float32)
    with quiet():
        return write_made(path, partial(nn.save_parameters, extension=".h5"))


def save_states(path: Path, solver: Any) -> str:
    """Writes the states of a solver to an ``.h5`` file, as NNabla lays them out.

    Args:
        path: The file.
        solver: The solver.

    Returns:
        Its checksum.

    Raises:
        ConfigError: If it can't be written; what stood there before stays.
    """

    def write(opened: Any) -> None:
        with h5py.File(opened, "w") as file:
            for number, (name, state) in enumerate(solver.get_states().items()):
                group = file.create_group(name)
                group.attrs["index"] = number
                group["t"] = np.int64(state.t)
                for place, (key, values) in enumerate(state.pstate.items()):
                    group[key] = values.data.data
                    group[key].attrs["index"] = place

    return write_made(path, write)


def load_parameters(path: Path, help: str) -> None:
    """Reads parameters of the network in the current scope: all of them, or nothing.

    Args:
        path: A file of :func:`save_parameters`.
        help: What to do if it can't be used.

    Raises:
        DataError: If it is missing or damaged, or doesn't hold all parameters of the network, each
            of its shape and of a type that NNabla has.
    """
    _put_parameters(_parameters_in(path, help))


def load_some_parameters(path: Path, help: str) -> None:
    """Reads some of the parameters of the network in the current scope; the others stay.

    Args:
        path: A file of :func:`save_parameters`, of a part of the network.
        help: What to do if it can't be used.

    Raises:
        DataError: If it is missing or damaged, or holds what the network has not, or in another
            shape.
    """
    content = checked_content(path, help)
    found = layout_of(path, content, help)
    parameters = nn.get_parameters(grad_only=False)
    for name in found:
        if name not in parameters:
            raise DataError(f"{path} holds {name}, which the network has not.", help=help)
    check_layout(path, found, {name: (parameters[name].shape, "") for name in found}, help)
    _put_parameters(content)


def read_parameters(path: Path, help: str) -> Dict[str, np.ndarray]:
    """Returns the arrays of a parameter file by path; the current scope stays as it is.

    Args:
        path: A file of :func:`save_parameters`.
        help: What to do if it can't be used.

    Raises:
        DataError: If it is missing or damaged.
    """
    content = checked_content(path, help)
    found = layout_of(path, content, help)
    check_layout(path, found, {name: (shape, "") for name, (shape, _) in found.items()}, help)
    with h5py.File(io.BytesIO(content), "r") as file:
        return {name: np.array(file[name], np.float32) for name in found}


def load_training(parameters: Path, states: Path, solver: Any, help: str) -> None:
    """Reads parameters of the current scope and the states of a solver: both, or neither.

    Args:
        parameters: A file of :func:`save_parameters`.
        states: A file of :func:`save_states`, or of the solver's own ``save_states``.
        solver: The solver, its parameters set.
        help: What to do if they can't be used.

    Raises:
        DataError: If one is missing or damaged, or doesn't hold all arrays of network and solver.
    """
    found = _parameters_in(parameters, help), _states_in(states, solver, help)
    _put_parameters(found[0])
    _put_states(found[1], solver)


def _parameters_in(path: Path, help: str) -> bytes:
    content = checked_content(path, help)
    parameters = nn.get_parameters(grad_only=False)
    wanted = {name: (parameter.shape, "") for name, parameter in parameters.items()}
    check_layout(path, layout_of(path, content, help), wanted, help)
    return content


def _put_parameters(content: bytes) -> None:
    with quiet():
        nn.load_parameters(io.BytesIO(content), extension=".h5")


def _states_in(path: Path, solver: Any, help: str) -> bytes:
    content = checked_content(path, help)
    states = solver.get_states()
    wanted = {
        f"{name}/{key}": (values.shape, "")
        for name, state in states.items()
        for key, values in state.pstate.items()
    }
    wanted.update((f"{name}/t", ((), "")) for name in states)
    check_layout(path, layout_of(path, content, help), wanted, help)
    return content


def _put_states(content: bytes, solver: Any) -> None:
    states = solver.get_states()
    with h5py.File(io.BytesIO(content), "r") as file:
        for name, state in states.items():
            state.t = int(file[f"{name}/t"][()])
            for key in state.pstate:
                state.pstate[key] = nn.Variable.from_numpy_array(file[f"{name}/{key}"][...])
        solver.set_states(states)


def checked_content(path: Path, help: str) -> bytes:
    """Returns the bytes of an ``.h5`` file, compared with their checksum if there is one.

    Args:
        path: The file.
        help: What to do if it is damaged.

    Raises:
        DataError: If it is missing or damaged.
    """
    try:
        check_bytes(path, help)
        check_hdf5(path)
        return read_bytes(path, MAX_BYTES)
    except CompressError:
        raise
    except Exception as error:  # h5py raises whatever a damaged file leads it to
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"can't read {path}: {reason}.", help=help) from error


def layout_of(path: Path, content: bytes, help: str) -> Dict[str, Tuple[Sequence[int], str]]:
    """Returns shape and type of each array of an HDF5 file, by name.

    Args:
        path: The file, for messages.
        content: Its bytes.
        help: What to do if it is damaged.

    Raises:
        DataError: If it is.
    """
    found: Dict[str, Tuple[Sequence[int], str]] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, item.dtype.str)

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            file.visititems(add)
    except Exception as error:  # h5py raises whatever a damaged file leads it to
        raise DataError(f"can't read {path}: {error}.", help=help) from error
    return found


def check_layout(path: Path, found: Layout, wanted: Layout, help: str) -> None:
    """Refuses a file that lacks an array, or has one of another shape or type.

    Args:
        path: The file, for messages.
        found: What it holds.
        wanted: What it must hold; the type "" stands for any that NNabla has.
        help: What to do.

    Raises:
        DataError: With the name of the first such array.
    """
    for name, (shape, dtype) in wanted.items():
        if name not in found:
            raise DataError(f"{path} lacks {name}.", help=help)
        given = np.dtype(found[name][1])
        if tuple(found[name][0]) != tuple(shape):
            raise DataError(
                f"{path} holds {name} with the shape {tuple(found[name][0])}, the network has "
                f"{tuple(shape)}.",
                help=help,
            )
        known = given.kind in "iu" or (given.kind == "f" and given.itemsize <= 4)
        if given != np.dtype(dtype) if dtype else not known:
            raise DataError(
                f"{path} holds {name} as {given}, the network has it as {dtype or 'float32'}.",
                help=help,
            )
