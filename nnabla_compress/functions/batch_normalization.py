# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's batch normalization in training, computed by kernels of this package."""

from __future__ import annotations

from typing import Any, List

import nnabla as nn
import numpy as np

from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels.batch_normalization import (
    blocks,
    gradient_sums,
    input_gradient,
    moments,
    scale_and_shift,
)
from nnabla_compress.quantizers.engine import add_gradient, host_array

X, BETA, GAMMA, MEAN, VARIANCE = range(5)


class BatchNormalization(ArgumentsFunction):
    """A node that says and computes what NNabla's ``BatchNormalization`` does in training.

    Copies of it are NNabla's own function.

    Args:
        args: The arguments of NNabla's function, with ``batch_stat``.

    Example:
        >>> values = ([[2.0], [6.0]], [[0.0]], [[2.0]], [[0.0]], [[1.0]])
        >>> inputs = [nn.Variable.from_numpy_array(np.float32(v)) for v in values]
        >>> args = dict(axes=[1], decay_rate=0.9, eps=0.0, batch_stat=True)
        >>> y = BatchNormalization(args)(*inputs)
        >>> y.forward(); y.d.ravel().tolist(), inputs[3].d.ravel().round(3)
        ([-2.0, 2.0], array([0.4], dtype=float32))
    """

    @classmethod
    def graph_type(cls) -> str:
        return "BatchNormalization"

    @staticmethod
    def can_compute(function: Any) -> bool:
        """Returns whether it can take the place of a function of NNabla.

        Args:
            function: A function of a graph.
        """
        if function.info.type_name != "BatchNormalization":
            return False
        args = function.info.args
        whole = len(function.inputs) == 5 and len(function.outputs) == 1
        return bool(whole and args["batch_stat"] and len(args["axes"]) == 1)

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[X].shape, True)

    def _blocks(self, x: np.ndarray) -> np.ndarray:
        return blocks(x, self.args["axes"][0])

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        args = self.args
        x = self._blocks(host_array(inputs[X].data, np.float32))
        self._mean, variance = moments(x)
        self._inverse = 1 / np.sqrt(variance + np.float32(args["eps"]))
        scale = host_array(inputs[GAMMA].data, np.float32).ravel() * self._inverse
        shift = host_array(inputs[BETA].data, np.float32).ravel() - scale * self._mean
        out = self._blocks(host_array(outputs[0].data, np.float32, overwrite=True))
        scale_and_shift(x, scale, shift, out)
        count = x.shape[0] * x.shape[2]
        decay = np.float32(args["decay_rate"])
        unbiased = variance * np.float32(count / max(count - 1, 1))
        for place, batch in ((MEAN, self._mean), (VARIANCE, unbiased)):
            running = host_array(inputs[place].data, np.float32)
            running[...] = decay * running + (1 - decay) * batch.reshape(running.shape)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        x = self._blocks(host_array(inputs[X].data, np.float32))
        dy = self._blocks(host_array(outputs[0].grad, np.float32))
        d_beta, d_gamma = gradient_sums(dy, x, self._mean, self._inverse)
        if propagate_down[X]:
            count = x.shape[0] * x.shape[2]
            slope = host_array(inputs[GAMMA].data, np.float32).ravel() * self._inverse
            per_value = -slope * self._inverse * d_gamma / count
            offset = -slope * d_beta / count - per_value * self._mean
            dx = self._blocks(host_array(inputs[X].grad, np.float32, overwrite=not accum[X]))
            by_dy, by_none, by_x = (c.astype(np.float32) for c in (slope, offset, per_value))
            input_gradient(dy, x, by_dy, by_none, by_x, dx, accum[X])
        for place, gradient in ((BETA, d_beta), (GAMMA, d_gamma)):
            if propagate_down[place]:
                add_gradient(gradient, inputs[place], accum[place])
