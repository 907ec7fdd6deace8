# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's convolution, computed by kernels of this package: the same but for rounding."""

from __future__ import annotations

from typing import Any, List, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels import convolution as kernels
from nnabla_compress.quantizers.engine import add_gradient, host_array

X, W, B = range(3)


class Convolution(ArgumentsFunction):
    """A node that says and computes what NNabla's ``Convolution`` does, in float32 on the CPU.

    Sums are made in another order than NNabla's, and for any number of threads in the same.
    Copies of it are NNabla's own function.

    Args:
        args: The arguments of NNabla's function.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([[[[1, 2, 3]]]]))
        >>> w = nn.Variable.from_numpy_array(np.float32([[[[10, 1]]]]))
        >>> args = dict(base_axis=1, pad=[0, 0], stride=[1, 1], dilation=[1, 1], group=1)
        >>> y = Convolution(args)(x, w)
        >>> y.forward(); y.d.tolist(), y.parent.info.type_name
        ([[[[12.0, 23.0]]]], 'Convolution')
    """

    @classmethod
    def graph_type(cls) -> str:
        return "Convolution"

    @staticmethod
    def can_compute(function: Any) -> bool:
        """Returns whether it can take the place of a function of NNabla.

        Args:
            function: A function of a graph.
        """
        if function.info.type_name != "Convolution":
            return False
        return len(function.inputs[W].shape) == 4 and not function.info.args.get("channel_last")

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        args, axis = self.args, self.args["base_axis"]
        shape, kernel = inputs[X].shape, inputs[W].shape
        self._geometry = kernels.Geometry(
            _pair(shape[axis + 1 :]),
            _pair(kernel[2:]),
            _pair(args["pad"]),
            _pair(args["stride"]),
            _pair(args["dilation"]),
            int(args["group"]),
        )
        outputs[0].reset_shape((*shape[:axis], kernel[0], *self._geometry.output), True)

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return (i, j) in ((X, W), (W, X))

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        out = self._images(host_array(outputs[0].data, np.float32, overwrite=True))
        x = self._images(host_array(inputs[X].data, np.float32))
        kernels.convolve(x, host_array(inputs[W].data, np.float32), self._geometry, out)
        if len(inputs) > B:
            out += host_array(inputs[B].data, np.float32)[:, None, None]

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        dy = self._images(host_array(outputs[0].grad, np.float32))
        if propagate_down[X]:
            dx = host_array(inputs[X].grad, np.float32, overwrite=not accum[X])
            w = host_array(inputs[W].data, np.float32)
            kernels.input_gradient(dy, w, self._geometry, self._images(dx), accum[X])
        if propagate_down[W]:
            x = self._images(host_array(inputs[X].data, np.float32))
            dw = kernels.weight_gradient(x, dy, self._geometry, inputs[W].shape)
            add_gradient(dw, inputs[W], accum[W])
        if len(inputs) > B and propagate_down[B]:
            add_gradient(dy.sum((0, 2, 3)), inputs[B], accum[B])

    def _images(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, *values.shape[-3:])


def _pair(values: Any) -> Tuple[int, int]:
    first, second = values
    return int(first), int(second)
