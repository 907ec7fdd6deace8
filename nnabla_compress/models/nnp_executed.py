# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The part of a stored network that its executors run, for tools that take all of it."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits
from nnabla_compress.models.heads import reached
from nnabla_compress.models.nnp_archive import is_text, readable
from nnabla_compress.models.stored_text import merge_text


def executed_part(path: Path, folder: Path) -> Path:
    """Returns a file without the functions that no output of an executor needs, such as a loss.

    NNabla's converter takes all functions of a network, whatever its executor gives.

    Args:
        path: An ``.nnp``, which is not changed.
        folder: Where another file is written if there are such functions.

    Returns:
        ``path`` itself if there are none, or no executor names its outputs.

    Raises:
        DataError: If the file is damaged.
    """
    from google.protobuf import text_format
    from nnabla.utils import nnabla_pb2

    try:
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name) for name in archive.namelist() if is_text(name)}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} is cut short, damaged or no .nnp file ({error}).", help="save it again"
        ) from error
    changed, limits = {}, Limits.of(path.stat().st_size)
    with readable(path):
        for name, text in texts.items():
            proto = nnabla_pb2.NNablaProtoBuf()
            merge_text(text, proto, limits, str(path))
            if sum(_without_rest(network, proto.executor) for network in proto.network):
                changed[name] = text_format.MessageToString(proto).encode("utf-8")
    if not changed:
        return path
    made = folder / path.name
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            if entry.filename in changed:
                new.writestr(entry.filename, changed[entry.filename])
                continue
            # Parameters may be large: they pass by in pieces.
            with old.open(entry) as source, new.open(entry.filename, "w", force_zip64=True) as to:
                shutil.copyfileobj(source, to)
    return made


def _without_rest(network: Any, executors: Any) -> int:
    """Takes from a network what its executors don't need; returns how many functions that were."""
    own = [each for each in executors if each.network_name == network.name]
    outputs = [each.variable_name for executor in own for each in executor.output_variable]
    computed = {name for function in network.function for name in function.output}
    if not outputs or not computed.issuperset(outputs):
        return 0
    made_of = {name: function.input for function in network.function for name in function.output}
    needed = reached(made_of, outputs)
    rest = [each for each in network.function if not needed.intersection(each.output)]
    if not rest:
        return 0
    for function in rest:
        network.function.remove(function)
    kept = {name for each in network.function for name in (*each.input, *each.output)}
    kept.update(each.variable_name for executor in own for each in executor.data_variable)
    for variable in [each for each in network.variable if each.name not in kept]:
        network.variable.remove(variable)
    for executor in own:
        for listed in (executor.parameter_variable, executor.generator_variable):
            for each in [each for each in listed if each.variable_name not in kept]:
                listed.remove(each)
    return len(rest)
