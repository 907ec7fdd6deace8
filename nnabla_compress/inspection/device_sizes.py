# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network of an ``.nnp`` takes on the device, without converting it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple, Optional

import nnabla as nn

from nnabla_compress.analysis.layers import parameter_names
from nnabla_compress.errors import CompressError
from nnabla_compress.exporters.converter_settings import carried_types
from nnabla_compress.exporters.nnb import export_nnb
from nnabla_compress.exporters.packed_nnb import packing_of
from nnabla_compress.exporters.sizes import float_sizes
from nnabla_compress.files import temporary_folder
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.draft import drafted_sizes
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.nnb import read_nnb


class DeviceSizes(NamedTuple):
    """What a network takes on the C runtime, for one sample.

    Args:
        nnb_bytes: Bytes of its ``.nnb``, which lies in flash.
        buffer_bytes: Bytes of the runtime's buffers for variables, RAM.
    """

    nnb_bytes: int
    buffer_bytes: int


def device_sizes(file: NnpFile, name: str, exported: bool) -> Optional[DeviceSizes]:
    """Returns what a network of an ``.nnp`` takes on the C runtime.

    Args:
        file: The file.
        name: Name of the network.
        exported: Whether an export wrote the file: its functions are those of the ``.nnb``. Else
            the sizes are those that an export of the network as it is would have.

    Returns:
        The sizes; None if the network can't be built for one sample, or can't be converted.
    """
    try:
        if exported and packing_of(file.path) is not None:
            return _converted(file.path)
        scope: OrderedDict[str, Any] = OrderedDict()
        with nn.parameter_scope("", scope):
            built = file.build(name, batch_size=1)
            outputs, inputs = list(built.outputs.values()), list(built.inputs.values())
            if not exported:
                names = parameter_names(outputs)
                found = float_sizes(Network(built.inputs, built.outputs, names))
                return DeviceSizes(found.nnb_bytes, found.buffer_bytes)
            stated = carried_types(file.path)
            types = {
                variable: stated[variable.name]
                for function in functions(outputs)
                for variable in (*function.inputs, *function.outputs)
                if variable.name in stated
            }
            return DeviceSizes(*drafted_sizes(outputs, inputs, types))
    except CompressError:
        return None


def _converted(path: Path) -> DeviceSizes:
    with temporary_folder() as folder:
        nnb = export_nnb(folder / "net.nnb", path)
        return DeviceSizes(nnb.stat().st_size, read_nnb(nnb).buffer_bytes)
