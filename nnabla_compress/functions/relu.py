# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's rectified linear unit, computed by kernels of this package."""

from __future__ import annotations

from typing import Any, List

import nnabla as nn
import numpy as np

from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels.relu import rectified_gradient, rectify
from nnabla_compress.quantizers.engine import host_array


class ReLU(ArgumentsFunction):
    """A node that says and computes what NNabla's ``ReLU`` does.

    Copies of it are NNabla's own function.

    Args:
        args: The arguments of NNabla's function.

    Example:
        >>> y = ReLU(dict(inplace=False))(nn.Variable.from_numpy_array(np.float32([-1, 2])))
        >>> y.forward(); y.d.tolist()
        [0.0, 2.0]
    """

    @classmethod
    def graph_type(cls) -> str:
        return "ReLU"

    @staticmethod
    def can_compute(function: Any) -> bool:
        """Returns whether it can take the place of a function of NNabla.

        Args:
            function: A function of a graph.
        """
        return bool(function.info.type_name == "ReLU" and not function.info.args["inplace"])

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        x = host_array(inputs[0].data, np.float32)
        rectify(x, host_array(outputs[0].data, np.float32, overwrite=True))

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if propagate_down[0]:
            x, dy = host_array(inputs[0].data, np.float32), host_array(outputs[0].grad, np.float32)
            dx = host_array(inputs[0].grad, np.float32, overwrite=not accum[0])
            rectified_gradient(x, dy, dx, accum[0])
