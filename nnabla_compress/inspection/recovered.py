# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recognizing weights that a file stores as codes, so that they are exported as codes again.

An export writes a weight as parameters of few bits and functions that decode them, as integers that
a layer adds up before they are scaled, or, for targets that pack later, as float values of which
there are few. Each becomes one parameter again, with a node that says how it is encoded, and the
functions that quantize feature maps become nodes, too; then the graph is as it was before the
export.
"""

from __future__ import annotations

from dataclasses import replace as replace_fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT, layer_name, parameter_names
from nnabla_compress.analysis.recognize import with_nodes
from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.order import in_file_order, output_maps
from nnabla_compress.encodings import CODES, Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.exporters.packed_nnb import packing_of
from nnabla_compress.exporters.sizes import FloatSizes
from nnabla_compress.exporters.verify import input_rounds, verify_lowered
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.clone import Made, clone
from nnabla_compress.graph.constants import beside, constant, held_value, value
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import Replace, consumers, depending, leaves, rebuild
from nnabla_compress.inspection.summary import noted_by_export
from nnabla_compress.lowering.few_values import (
    dictionary_of_values,
    encoding_of_values,
    integer_codes,
)
from nnabla_compress.lowering.packed_weights import with_form
from nnabla_compress.lowering.storage import weight_path
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.quantizers.coded import Coded
from nnabla_compress.targets import TARGETS

_TOLERANCE = 1e-4


class Recovered(NamedTuple):
    """A network whose stored weights and quantizers are recognized.

    Args:
        outputs: Its outputs.
        weights: Paths of the weights that were recognized.
        notes: What a user should know of others, a sentence each.
        float_sizes: Of the float network that the file was made from, if an export noted them.
    """

    outputs: List[nn.Variable]
    weights: List[str]
    notes: List[str]
    float_sizes: Optional[FloatSizes] = None


def recovered_network(path: Path, network: Network) -> Recovered:
    """Builds the graph of an ``.nnp`` file again as it was before an export wrote it.

    Args:
        path: The file, of any tool.
        network: A network of it, its parameters in the current scope.

    Raises:
        ExportError: If the file can't be exported again.
        VerifyError: If the graph does not compute what the file's does.
    """
    noted = noted_by_export(path) or {}
    target = TARGETS.get(str(noted.get("target")))
    if target is not None and not target.runs_in_nnabla:
        beside = path.with_suffix(".reference.nnp")
        raise ExportError(
            f"{path} is for the converter only: NNabla computes other numbers from its layers.",
            help=f"export {beside}, the same network of plain layers"
            if beside.is_file()
            else "export the run, or the network that the file was made from",
        )
    outputs, inputs = network.all_outputs, network.all_inputs
    rows = {row["name"]: row for row in noted.get("layers", ())}
    found = recovered(outputs, inputs, parameter_names(outputs), rows, packing_of(path) or {})
    if graph_quantizers(found.outputs):
        batch_size = inputs[0].shape[0]
        rounds = input_rounds(network.inputs, {}, batch_size)
        verify_lowered(inputs, outputs, found.outputs, rounds, _TOLERANCE, True)
    return found._replace(float_sizes=_float_sizes(noted.get("float_sizes")))


def recovered(
    outputs: Sequence[nn.Variable],
    inputs: Collection[nn.Variable],
    names: Mapping[Any, str],
    noted: Mapping[str, Mapping[str, Any]],
    forms: Mapping[str, PackedWeights] = MappingProxyType({}),
) -> Recovered:
    """Builds a graph again with its stored weights as encoded parameters, quantizers as nodes.

    Args:
        outputs: Variables of one graph of native functions.
        inputs: The network's inputs.
        names: Paths of its parameters by their array.
        noted: What an export noted of each layer, by its name: quantizer and bits.
        forms: How the ``.nnb`` packs weights that the graph holds as floats, by path.

    Returns:
        The graph, which computes the same up to rounding; value for value where no scale stood
        behind a layer.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.lowering.store import store_weights
        >>> encoding = Encoding(np.eye(8, dtype=int), 2, scale=np.float32(0.5))
        >>> x, w = nn.Variable((1, 8)), constant(encoding.decode(), "fc/affine/W")
        >>> stored = store_weights([F.affine(x, w)], {w.data: encoding}, "int8", {})
        >>> found = recovered(stored.outputs, [x], {}, {})
        >>> found.weights, quantizer_of(found.outputs[0].parent.inputs[1].parent).type_name
        (['fc/affine/W'], 'Coded')
    """
    builder = _Builder(names, noted, forms)
    outputs = with_nodes(outputs)
    joined = rebuild(outputs, builder.join(outputs))
    made = rebuild(joined, builder.recognize(joined, inputs))
    made = rebuild(made, builder.as_affines(made))
    return Recovered(made, builder.weights, builder.notes)


class _Builder:
    def __init__(
        self,
        names: Mapping[Any, str],
        noted: Mapping[str, Mapping[str, Any]],
        forms: Mapping[str, PackedWeights],
    ) -> None:
        self.weights: List[str] = []
        self.notes: List[str] = []
        self._names, self._noted, self._forms = names, noted, forms
        self._nodes: Dict[Any, Optional[nn.Variable]] = {}

    def join(self, outputs: Sequence[nn.Variable]) -> Replace:
        """Puts the scales behind Affines on codes into their weights."""
        readers = consumers(outputs)

        def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            layer = arguments[0].parent if arguments else None
            if layer is None or layer.info.type_name != "Affine" or len(layer.inputs) > BIAS:
                return None
            weight = layer.inputs[WEIGHT]
            path = self._path(weight)
            if weight.parent is not None or not path.endswith(CODES) or weight.ndim != 2:
                return None
            scale = _factor(function, arguments)
            if len(readers[function.inputs[0]]) > 1 or scale is None:
                return None
            if scale.size not in (1, weight.shape[1]):
                return None
            encoding = integer_codes(weight.d, scale, None, None if scale.size == 1 else 1)
            if encoding is None:
                return None
            return clone(layer, [layer.inputs[0], self._node(weight, encoding)])[0]

        return replace

    def recognize(self, outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]) -> Replace:
        """Puts a node behind each weight of a layer that lies on codes."""
        moving = depending(outputs, inputs)

        def replace(function: Any, arguments: List[nn.Variable]) -> Optional[Made]:
            if function.info.type_name not in WEIGHTED or len(arguments) <= WEIGHT:
                return None
            weight = function.inputs[WEIGHT]
            if function.outputs[0] not in moving or weight in moving:
                return None
            if weight.parent is not None and quantizer_of(weight.parent) is not None:
                return None
            made = self._apart(function, arguments)
            if made is not None:
                return made
            if weight not in self._nodes:
                encoding = self._encoding(function, weight)
                self._nodes[weight] = None if encoding is None else self._node(weight, encoding)
            node = self._nodes[weight]
            if node is None:
                return None
            return clone(function, [*arguments[:WEIGHT], node, *arguments[BIAS:]])

        return replace

    def as_affines(self, outputs: Sequence[nn.Variable]) -> Replace:
        """Turns convolutions that took the place of fully connected layers back into these."""
        readers = consumers(outputs)

        def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            layer = arguments[0].parent if function.info.type_name == "Reshape" else None
            if layer is None or layer.info.type_name != "Convolution":
                return None
            x, weight = layer.inputs[:BIAS]
            node, y = weight.parent, function.outputs[0]
            if node is None or quantizer_of(node) is not Coded or y.ndim != 2:
                return None
            row = self._noted.get(layer_name(self._path(node.inputs[0])), {})
            if row.get("type") != "Affine" or len(readers[function.inputs[0]]) > 1:
                return None
            if x.shape[1:] != weight.shape[1:] or y.shape[1] != weight.shape[0]:
                return None
            encoding = Coded.encode(node)
            codes = np.ascontiguousarray(encoding.codes.reshape(weight.shape[0], -1).T)
            axis = None if encoding.axis is None else 1
            turned = replace_fields(encoding, codes=codes, axis=axis)
            matrix = Coded(turned, str(node.info.args["origin"]))(
                constant(turned.decode(), node.inputs[0].name)
            )
            before = x.parent
            if before is not None and before.info.type_name == "Reshape":
                x = before.inputs[0] if before.inputs[0].shape[0] == x.shape[0] else x
            return F.affine(x, matrix, *layer.inputs[BIAS:])

        return replace

    def _apart(self, function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        """Returns a layer whose weight is a dictionary times scales with the scales behind it."""
        weight, type_name = arguments[WEIGHT], function.info.type_name
        form = self._forms.get(self._path(weight))
        if form is None or form.dictionary is None or form.scales is None:
            return None
        if weight.parent is not None or form.dictionary.ndim > 1:
            return None
        held = in_file_order(type_name, np.array(weight.d, np.float32))
        maps = output_maps(type_name, weight.shape, function.info.args.get("group", 1))
        packed = with_form(held, maps, form)
        if packed is None or (type_name == "Affine" and weight.ndim != 2):
            return None
        codes = packed.codes.T if type_name == "Affine" else packed.codes
        node = self._node(weight, Encoding(codes, form.bits, dictionary=form.dictionary))
        y = clone(function, [arguments[0], node])[0]
        axis = int(function.info.args["base_axis"]) % arguments[0].ndim
        if function.info.args.get("channel_last"):
            axis = y.ndim - 1
        along = [1] * y.ndim
        along[axis] = -1
        path = weight_path(self._path(weight))
        y = F.mul2(y, constant(form.scales.reshape(along), beside(path, "scale")))
        if len(arguments) > BIAS:
            bias = np.array(arguments[BIAS].d).reshape(along)
            y = F.add2(y, constant(bias, self._names.get(arguments[BIAS].data, beside(path, "b"))))
        return y

    def _encoding(self, function: Any, weight: nn.Variable) -> Optional[Encoding]:
        path = self._path(weight)
        coded = any(self._names.get(v.data, v.name).endswith(CODES) for v in leaves([weight]))
        row = self._noted.get(layer_name(weight_path(path)), {})
        found = _decoded(weight) if coded else None
        if found is None:
            surely = coded or bool(row.get("quantizer"))
            found = encoding_of_values(held_value(weight), function, surely)
        if found is None and (coded or row.get("quantizer")):
            self.notes.append(
                f"{layer_name(weight_path(path))} lies on codes that can't be told from its values:"
                " it is stored as floats; export the run or the network that the file was made from"
            )
        return found

    def _node(self, weight: nn.Variable, encoding: Encoding) -> nn.Variable:
        path = weight_path(self._path(weight)) or "W"
        origin = str(self._noted.get(layer_name(path), {}).get("quantizer", ""))
        self.weights.append(path)
        return Coded(encoding, origin)(constant(encoding.decode(), path))

    def _path(self, weight: nn.Variable) -> str:
        for leaf in leaves([weight]):
            name = self._names.get(leaf.data, leaf.name)
            if name:
                return name
        return ""


def _float_sizes(noted: Any) -> Optional[FloatSizes]:
    try:
        return FloatSizes(int(noted["nnb_bytes"]), int(noted["buffer_bytes"]))
    except (KeyError, TypeError, ValueError):
        return None


def _factor(function: Any, arguments: Sequence[nn.Variable]) -> Optional[np.ndarray]:
    """The constant that a function multiplies its input by, None if it does not."""
    if function.info.type_name == "MulScalar":
        return np.array([function.info.args["val"]], np.float32)
    if function.info.type_name == "Mul2" and arguments[1].parent is None:
        return np.array(arguments[1].d, np.float32).ravel()
    return None


def _decoded(weight: nn.Variable) -> Optional[Encoding]:
    """Returns what functions on codes decode to: whole numbers, plus a shift, times scales."""
    scale = shift = axis = None
    x = weight
    while x.parent is not None:
        function, type_name = x.parent, x.parent.info.type_name
        if type_name == "MulScalar" and scale is None and shift is None:
            factor = np.array([function.info.args["val"]], np.float32)
            scale = None if factor[0] == 1 else factor
        elif type_name == "Mul2" and scale is None and shift is None:
            along = _along(function)
            if along is None:
                break
            axis, scale = along
        elif type_name == "Add2" and shift is None:
            along = _along(function)
            if along is None or axis not in (None, along[0]):
                break
            axis, shift = along
        else:
            break
        x = function.inputs[0]
    levels = np.asarray(value(x), np.float32)
    if scale is not None and axis is not None and scale.size == 1:
        scale = np.full(weight.shape[axis], scale[0], np.float32)
    ones = np.ones(1 if axis is None else weight.shape[axis], np.float32)
    found = integer_codes(levels, ones if scale is None else scale, shift, axis)
    values = np.asarray(value(weight), np.float32)
    if found is None or not np.array_equal(found.decode(), values):
        return None
    # Powers of two are few values, but far apart.
    entries = dictionary_of_values(values) if axis is None else None
    return entries if entries is not None and entries.bits < found.bits else found


def _along(function: Any) -> Any:
    """The axis and the numbers of a parameter that a function adds or multiplies by."""
    x, numbers = function.inputs
    long = [axis for axis, size in enumerate(numbers.shape) if size > 1]
    if numbers.parent is not None or numbers.ndim != x.ndim or len(long) > 1:
        return None
    if numbers.size != x.shape[long[0] if long else 0]:
        return None
    return (long[0] if long else 0), np.array(numbers.d, np.float32).ravel()
