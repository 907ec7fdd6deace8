# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Products with a stored matrix, as importers of other formats write them, turned into layers.

ONNX's fully connected layer becomes Reshape, BatchMatmul, Reshape and Add2 on parameters that are
reshaped and transposed first. All of this is one Affine, whose weight can be compressed.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, MutableMapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import consumers, functions, rebuild

# Functions that only place the values of a parameter anew.
_PLACING = ("Reshape", "Transpose", "Identity", "Broadcast")
_ADDING = ("Add2", "BcAdd2")


def products_as_layers(
    outputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
    kept: MutableMapping[str, nn.Variable],
) -> Tuple[List[nn.Variable], Dict[str, nn.Variable]]:
    """Builds a graph again with each product of a variable and a stored matrix as an Affine.

    A bias that is added next becomes the layer's. A matrix that anything else reads, too, and what
    multiplies two computed variables, stay.

    Args:
        outputs: Variables of one graph.
        parameters: Its parameters by path.
        kept: Parameters that were placed anew for an earlier graph, by path; they are used again,
            and new ones added, so that all graphs of a network share them.

    Returns:
        The new outputs, and the parameters by path.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> x = nn.Variable((1, 6))
        >>> w, b = nn.Variable((4, 6), need_grad=True), nn.Variable((4,), need_grad=True)
        >>> product = F.batch_matmul(F.reshape(x, (1, 1, 6)), F.reshape(w, (1, 4, 6)), False, True)
        >>> y = F.reshape(product, (1, 4)) + F.reshape(b, (1, 4))
        >>> (z,), found = products_as_layers([y], {"fc.weight": w, "fc.bias": b}, {})
        >>> [f.info.type_name for f in functions([z])], found["fc.weight"].shape
        (['Affine'], (6, 4))
    """
    if not any(function.info.type_name == "BatchMatmul" for function in functions(outputs)):
        return list(outputs), dict(parameters)
    work = _Products(outputs, parameters, kept)
    return rebuild(outputs, work.replace), {**parameters, **work.placed}


class _Products:
    """The products of one graph."""

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        parameters: Mapping[str, nn.Variable],
        kept: MutableMapping[str, nn.Variable],
    ) -> None:
        self._paths = {variable.data: path for path, variable in parameters.items()}
        self._kept = kept
        self._readers = consumers(outputs)
        self._reads: Dict[Any, int] = {}
        for variable, found in self._readers.items():
            self._reads[variable.data] = self._reads.get(variable.data, 0) + len(found)
        self.placed: Dict[str, nn.Variable] = {}
        self._reshaped: Dict[nn.Variable, nn.Variable] = {}
        # By the function that a layer ends with: its product, and the bias.
        self._ends: Dict[Any, Tuple[Any, Optional[nn.Variable]]] = {}
        self._arguments: Dict[Any, List[nn.Variable]] = {}
        for function in functions(outputs):
            if self._is_product(function):
                end, bias = self._end_of(function)
                self._ends[end] = (function, bias)

    def replace(self, function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        """Returns the layer that a function is the end of, None to copy the function."""
        if function.info.type_name == "BatchMatmul":
            self._arguments[function] = inputs
        if function in self._ends:
            product, bias = self._ends[function]
            return self._layer(function, product, self._arguments[product][0], bias)
        type_name = function.info.type_name
        if type_name == "Reshape" and inputs[0] in self._reshaped:
            return self._in_shape(self._reshaped[inputs[0]], list(function.outputs[0].shape))
        return None

    def _is_product(self, function: Any) -> bool:
        if function.info.type_name != "BatchMatmul":
            return False
        x, matrix = function.inputs
        return (
            self._source(x) is None
            and self._source(matrix) is not None
            and not function.info.args["transpose_a"]
            and matrix.size == np.prod(matrix.shape[-2:])
            and tuple(function.outputs[0].shape[:-2]) == tuple(x.shape[:-2])
        )

    def _source(self, variable: nn.Variable) -> Optional[nn.Variable]:
        """The only parameter behind a variable, if nothing but this variable is made of it."""
        step = variable
        while step.parent is not None:
            if step.parent.info.type_name not in _PLACING or len(self._readers[step]) != 1:
                return None
            step = step.parent.inputs[0]
        alone = step.data in self._paths and self._reads[step.data] == 1
        return step if alone else None

    def _end_of(self, product: Any) -> Tuple[Any, Optional[nn.Variable]]:
        """The addition of a bias behind a product, or the product."""
        variable, outputs = product.outputs[0], product.outputs[0].shape[-1]
        while len(self._readers[variable]) == 1 and self._readers[variable][0] is not None:
            reader = self._readers[variable][0]
            result = reader.outputs[0]
            if reader.info.type_name == "Reshape" and result.shape[-1] == outputs:
                variable = result
                continue
            if reader.info.type_name in _ADDING and tuple(result.shape) == tuple(variable.shape):
                (other,) = [v for v in reader.inputs if v != variable] or [variable]
                fits = other.size == outputs and other.shape[-1:] == (outputs,)
                if fits and self._source(other) is not None:
                    return reader, other
            break
        return product, None

    def _layer(
        self, end: Any, product: Any, x: nn.Variable, bias: Optional[nn.Variable]
    ) -> nn.Variable:
        matrix = np.array(_values(product.inputs[1])).reshape(product.inputs[1].shape[-2:])
        if product.info.args["transpose_b"]:
            matrix = matrix.T
        weight = self._placed(product.inputs[1], matrix)
        if bias is not None:
            bias = self._placed(bias, np.array(_values(bias)).ravel())
        x, axis = _before_reshape(x, len(matrix))
        y = F.affine(x, weight, bias, base_axis=axis)
        return self._in_shape(y, list(end.outputs[0].shape))

    def _in_shape(self, y: nn.Variable, shape: List[int]) -> nn.Variable:
        """Returns a variable in a shape whose axis of samples is left open."""
        if list(y.shape) == shape:
            return y
        if y.shape[0] in shape:
            shape[shape.index(y.shape[0])] = -1
        made = F.reshape(y, shape, inplace=False)
        self._reshaped[made] = y
        return made

    def _placed(self, variable: nn.Variable, values: np.ndarray) -> nn.Variable:
        """Returns a parameter with the values of one, placed as a layer reads them."""
        source = self._source(variable)
        assert source is not None
        path = self._paths[source.data]
        same = tuple(source.shape) == values.shape and np.array_equal(source.d, values)
        if not same and path not in self._kept:
            self._kept[path] = constant(values, path, source.need_grad)
        if not same:
            self.placed[path] = self._kept[path]
        return source if same else self._kept[path]


def _values(variable: nn.Variable) -> np.ndarray:
    if variable.parent is not None:
        variable.forward()
    return np.asarray(variable.d)


def _before_reshape(x: nn.Variable, size: int) -> Tuple[nn.Variable, int]:
    """Returns what the Reshapes in front of a layer take, if the layer can read it as well."""
    source = x
    while source.parent is not None and source.parent.info.type_name == "Reshape":
        source = source.parent.inputs[0]
    for axis in range(1, source.ndim) if source != x else ():
        if np.prod(source.shape[axis:], dtype=np.int64) == size:
            return source, axis
    return x, x.ndim - 1
