# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The encoded weights of a graph, and the kernels of convolutions that Affines' weights become."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.affine import kernel_encoding, kernel_shape
from nnabla_compress.lowering.storage import CodedTensor, coded_tensor
from nnabla_compress.lowering.storage.scheme import unfilled

_MATRIX = 2  # axes


class CodedWeights:
    """Encoded parameters, and what schemes need to store them, worked out once.

    Args:
        encodings: How parameters are encoded, by their array.

    Example:
        >>> import nnabla.functions as F
        >>> w = nn.Variable((4, 2))
        >>> y = F.affine(nn.Variable((1, 4)), w)
        >>> weights = CodedWeights({w.data: Encoding(np.ones((4, 2), np.int8), 2, np.float32(1))})
        >>> kernel = weights.kernel(w, y.parent)
        >>> kernel.shape, weights.origin(kernel.data) == w.data, weights.sums_codes(w.data)
        ((2, 4, 1, 1), True, True)
    """

    def __init__(self, encodings: Mapping[Any, Encoding]) -> None:
        self._encodings = dict(encodings)
        self._tensors: Dict[Any, Optional[CodedTensor]] = {}
        self._kernels: Dict[Tuple[Any, Any], nn.Variable] = {}
        self._origins: Dict[Any, Any] = {}  # arrays of weights by those of their kernels
        self._views: Dict[Any, Tuple[Any, Tuple[int, ...], Tuple[int, ...]]] = {}

    def __len__(self) -> int:
        return len(self._encodings)

    def __contains__(self, data: Any) -> bool:
        return data in self._encodings

    def encoding(self, data: Any) -> Encoding:
        """Returns how a parameter is encoded."""
        return self._encodings[data]

    def tensor(self, data: Any) -> Optional[CodedTensor]:
        """Returns the codes of a parameter as schemes take them, None for pruned floats."""
        if data not in self._tensors:
            if data in self._views:  # of the same codes
                weight, axes, shape = self._views[data]
                found = self.tensor(weight)
                found = None if found is None else found.transposed(axes, shape)
            else:
                found = coded_tensor(self._encodings[data])
            self._tensors[data] = found
        return self._tensors[data]

    def kernel(self, weight: nn.Variable, function: Any) -> Optional[nn.Variable]:
        """Returns the weight of an Affine as the kernel of a convolution, encoded as well.

        It stands for what decodes it, and has no values.

        Args:
            weight: The weight.
            function: The Affine.

        Returns:
            The kernel; None if scales are along the inputs.
        """
        axes, shape = kernel_shape(function)
        key = (weight.data, shape)
        if key not in self._kernels:
            turned = kernel_encoding(weight, self._encodings[weight.data], axes, shape)
            if turned is None:
                return None
            self._kernels[key] = kernel = unfilled(shape, weight.name)
            self._encodings[kernel.data] = turned
            self._origins[kernel.data] = weight.data
            if turned.axis is None or weight.ndim == _MATRIX:
                self._views[kernel.data] = (weight.data, axes, shape)
        return self._kernels[key]

    @property
    def kernels(self) -> Mapping[Any, Any]:
        """Arrays of weights, by those of the kernels that were made of them."""
        return self._origins

    def origin(self, data: Any) -> Any:
        """Returns the array of the weight that a kernel was made of, that of a weight as it is."""
        return self._origins.get(data, data)

    def scales(self, kernel: nn.Variable) -> np.ndarray:
        """Returns the scale of a kernel's codes, one for all or for each output.

        Args:
            kernel: As :meth:`kernel` returns it, of codes that have scales.
        """
        # Of several axes of outputs the scales may go along one: the kernel has one an output.
        own = self._encodings[kernel.data].scale
        if own is None:
            tensor = self.tensor(self.origin(kernel.data))
            own = None if tensor is None else tensor.scale
        return np.asarray(own, np.float32)

    def sums_codes(self, data: Any) -> bool:
        """Returns whether the codes of a weight are what the sums of an Affine need."""
        tensor = self.tensor(data)
        if tensor is None or tensor.scale is None or tensor.shift is not None:
            return False
        low, step, count = tensor.grid
        return -128 <= low and low + step * count <= 127
