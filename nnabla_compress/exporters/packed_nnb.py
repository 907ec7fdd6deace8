# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Packing the weights of an ``.nnb`` as the ``.nnp`` that it was converted from says.

An ``.nnp`` for target ``callback`` holds ordinary float weights. Its metadata say how they are
packed: bits, dictionary, scales. The codes follow from the values, so a weight and its form are
matched by what they hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.order import file_shape, output_maps
from nnabla_compress.c_kernels.rewrite import MOST_BITS, PACKED_LAYERS, pack_network
from nnabla_compress.errors import DataError, ExportError
from nnabla_compress.exporters.metadata import METADATA, read_metadata
from nnabla_compress.lowering.packed_weights import (
    choose_packing,
    decodes_to,
    packed_bytes,
    with_form,
)
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, values

PACKED = "packed_weights"
"""Name of the entry of the metadata: the form of each packed weight by its path."""


def packing_as_json(packed: Mapping[str, PackedWeights]) -> Dict[str, Any]:
    """Returns how weights are packed, as JSON takes it; codes follow from the values.

    Args:
        packed: The packed weights by path.

    Example:
        >>> packed = PackedWeights(np.zeros(4, int), 2, None, np.float32([0.5]), zero_point=2)
        >>> packing_as_json({"c1/conv/W": packed})["c1/conv/W"]
        {'weights': 4, 'bits': 2, 'dictionary': None, 'scales': [0.5], 'zero_point': 2}
    """
    return {
        path: {
            "weights": int(np.size(one.codes)),
            "bits": one.bits,
            "dictionary": None if one.dictionary is None else one.dictionary.tolist(),
            "scales": None if one.scales is None else one.scales.tolist(),
            "zero_point": one.zero_point,
        }
        for path, one in packed.items()
    }


def packing_of(nnp: Path) -> Optional[Dict[str, PackedWeights]]:
    """Returns the forms that an ``.nnp`` states for its packed weights; None if it is not packed.

    Args:
        nnp: The file.

    Raises:
        DataError: If what it states is damaged.
    """
    found = read_metadata(nnp)
    if PACKED not in found:
        return None
    try:
        return {str(path): _form(one) for path, one in found[PACKED].items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{METADATA} in {nnp} is damaged: {PACKED} does not say how weights are packed.",
            help="export the network again",
        ) from error


def pack_nnb(network: NnbFile, forms: Mapping[str, PackedWeights], fuse: bool = False) -> NnbFile:
    """Packs the weights of a network for the C kernels.

    Args:
        network: The network as the converter made it, with float weights.
        forms: How weights are packed, by path. Weights that are not among them are packed if a form
            is found that holds them exactly in fewer bytes.
        fuse: As :func:`~nnabla_compress.c_kernels.rewrite.pack_network` takes it.

    Returns:
        The network with the same values in every weight, but for those of int8 layers.

    Raises:
        ExportError: If the network has no weight of the values that a form stands for.

    Example:
        >>> w = np.float32([[0.5, -1, 0.5, 0], [0, -1, -1, 0.5]] * 40).T
        >>> variables = (
        ...     NnbVariable(0, (1, 4), "FLOAT32", buffer=0),
        ...     NnbVariable(1, (4, 80), "FLOAT32", data=np.ascontiguousarray(w.T).tobytes()),
        ...     NnbVariable(2, (1, 80), "FLOAT32", buffer=1),
        ... )
        >>> affine = NnbFunction("Affine", 0, 0, (0, 1), (2,), {"base_axis": 1})
        >>> network = NnbFile(3, 44, (16, 320), variables, (affine,), (0,), (2,))
        >>> len(pack_nnb(network, {}).variables[1].data)
        80
    """
    missing = dict(forms)
    chosen: Dict[int, PackedWeights] = {}
    readers: Dict[int, NnbFunction] = {}
    for function in network.functions:
        number = function.inputs[WEIGHT] if len(function.inputs) > WEIGHT else -1
        if function.type_name not in PACKED_LAYERS or number in readers:
            continue
        variable = network.variables[number]
        if variable.data is None or variable.type != "FLOAT32":
            continue
        readers[number] = function
        weight, maps = _weight(function, variable)
        fitting = {
            path: with_form(weight, maps, form)
            for path, form in forms.items()
            if form.codes.size == weight.size
        }
        found = [packed for packed in fitting.values() if packed is not None]
        missing = {path: form for path, form in missing.items() if fitting.get(path) is None}
        best = min(found, key=packed_bytes) if found else choose_packing(weight, maps).packed
        if best is not None:
            chosen[number] = best
    if missing:
        raise ExportError(
            f"no weight of the network has the values that {', '.join(missing)} was packed with.",
            help="the file was changed after its export: export it again",
        )
    rewritten, _ = pack_network(network, chosen, fuse)
    for number, function in readers.items():
        if network.variables[function.outputs[0]].type == "FLOAT32":
            _check(network.variables[number], rewritten, number, function)
    return rewritten


def _weight(function: NnbFunction, variable: NnbVariable) -> Any:
    maps = output_maps(function.type_name, variable.shape, _group(function))
    held = file_shape(function.type_name, variable.shape)
    return values(variable).reshape(held), maps


def _group(function: NnbFunction) -> int:
    group = function.arguments.get("group", 1)
    assert isinstance(group, int)
    return group


def _check(before: NnbVariable, rewritten: NnbFile, number: int, reader: NnbFunction) -> None:
    """Refuses a packed weight that would not decode to the float values."""
    after = rewritten.variables[number]
    if after.type == before.type:
        return
    using = next(f for f in rewritten.functions if f.inputs[WEIGHT : WEIGHT + 1] == (number,))
    description = rewritten.variables[using.inputs[-1]].data
    assert description is not None and after.data is not None
    weight, maps = _weight(reader, before)
    packed = PackedWeights.read(bytes(description), bytes(after.data), int(maps.max()) + 1)
    if not decodes_to(packed, maps, weight):
        raise ExportError(
            f"variable {number} would not decode to the weights of its {reader.type_name}.",
            help="please report this network",
        )


def _form(stated: Mapping[str, Any]) -> PackedWeights:
    bits, zero_point = stated["bits"], stated["zero_point"]
    tables = [stated["dictionary"], stated["scales"]]
    dictionary, scales = (None if t is None else np.array(t, np.float32) for t in tables)
    if not (isinstance(bits, int) and 1 <= bits <= MOST_BITS and isinstance(zero_point, int)):
        raise ValueError("bits or zero point")
    if dictionary is not None and (dictionary.ndim > 2 or dictionary.shape[-1] != 2**bits):
        raise ValueError("dictionary")
    if scales is not None and scales.ndim != 1:
        raise ValueError("scales")
    if not -(2**31) <= zero_point < 2**31:
        raise ValueError("zero point")
    codes = np.broadcast_to(np.int64(0), (int(stated["weights"]),))
    return PackedWeights(codes, bits, dictionary, scales, zero_point)
