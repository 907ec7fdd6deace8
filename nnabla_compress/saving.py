# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Saving networks of a script as ``nnabla.utils.save`` does, so that they can be loaded."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import ExportReport, export_nnp
from nnabla_compress.files import atomic_path, temporary_folder
from nnabla_compress.turns import one_at_a_time

_KNOWN = ("networks", "executors")
_NEEDED = ("name", "outputs", "names")
_OWN = ("Validation", "Runtime")
_TEXT = "network.nntxt"


@one_at_a_time
def save(filename: Union[str, Path], contents: Mapping[str, Any], **options: Any) -> ExportReport:
    """Saves a network that infers, compressed or not, as an ``.nnp`` that NNabla loads.

    It takes the place of ``nnabla.utils.save.save``, which writes quantizers of this package into a
    file that nothing can load: NNabla knows the functions of its own only. Here they are written
    as these, read back and compared. Parameters of a training, to go on with it, are saved by
    ``nnabla.save_parameters``.

    Args:
        filename: The file to write, ``*.nnp``.
        contents: As of ``nnabla.utils.save.save``: one network, and executors that name its inputs
            and outputs, if any.
        options: Of :func:`~nnabla_compress.exporters.export_nnp`: ``target``, ``storage``, ...

    Returns:
        Bits and bytes of each layer, and how close the file is.

    Raises:
        ConfigError: If there are several networks, or parts for a training.
        CompressError: As of :func:`~nnabla_compress.exporters.export_nnp`.

    Example:
        >>> import tempfile, nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla.utils.nnp_graph import NnpLoader
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 8))
        >>> y = PF.affine(x, 4, apply_w=LUT(bits=2), name="fc")
        >>> network = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = save(f"{folder}/net.nnp", {"networks": [network]})
        ...     NnpLoader(f"{folder}/net.nnp").get_network_names()
        ['net']
    """
    path = Path(filename)
    if path.suffix != ".nnp":
        raise ConfigError(f"can't save to {path}: it does not end in .nnp.", help="call it *.nnp")
    network = _network_of(contents)
    executors = [dict(each) for each in contents.get("executors", ())]
    outputs, names = dict(network["outputs"]), dict(network["names"])
    inputs = {name: variable for name, variable in names.items() if variable.parent is None}
    asked = [name for each in executors[:1] for name in each.get("data", ())]
    inputs = {name: inputs[name] for name in asked or inputs}
    with temporary_folder() as folder, atomic_path(path) as temporary:
        made = folder / path.name
        options.setdefault("batch_size", int(network.get("batch_size", 1)))
        report = export_nnp(made, outputs, inputs, **options)
        _rename(made, temporary, str(network["name"]), [str(each["name"]) for each in executors])
    return replace(report, path=path, file_bytes=path.stat().st_size)


def _network_of(contents: Mapping[str, Any]) -> Mapping[str, Any]:
    others = [key for key in contents if key not in _KNOWN]
    if others:
        raise ConfigError(
            f"save() writes what infers, and contents has {', '.join(others)}.",
            help="leave them out; nnabla.save_parameters keeps what a training goes on from",
        )
    networks: List[Mapping[str, Any]] = list(contents.get("networks", ()))
    if len(networks) != 1:
        raise ConfigError(
            f"contents has {len(networks)} networks, save() writes one a file.",
            help="save each into a file of its own",
        )
    missing = [key for key in _NEEDED if key not in networks[0]]
    if missing:
        raise ConfigError(
            f"the network of contents has no {', '.join(missing)}.",
            help='write {"name": "net", "outputs": {"y": y}, "names": {"x": x}}',
        )
    return networks[0]


def _rename(made: Path, path: Path, network: str, executors: List[str]) -> None:
    """Writes an exported file with the names of a script."""
    from google.protobuf import text_format
    from nnabla.utils import nnabla_pb2

    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        members: Dict[str, bytes] = {name: source.read(name) for name in source.namelist()}
        proto = text_format.Merge(members[_TEXT], nnabla_pb2.NNablaProtoBuf())
        proto.network[0].name = network
        (runtime,) = proto.executor
        runtime.network_name = network
        runtime.name = executors[0] if executors else runtime.name
        members[_TEXT] = text_format.MessageToString(proto).encode("utf-8")
        for name, content in members.items():
            to.writestr(name, content)
