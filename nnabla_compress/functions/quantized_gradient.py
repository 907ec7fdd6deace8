# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""The identity, whose gradient is rounded stochastically to few bits (DoReFa-Net).

With k bits, n = 2**k - 1, the largest magnitude m of a sample's gradient g, and noise u drawn from
-1 / (2 n) to 1 / (2 n)::

    Q(g) = 2 m (round(n clip(g / (2 m) + 1/2 + u, 0, 1)) / n - 1/2)

On average this is g. The noise follows from NNabla's generator of random functions, one draw for
each backward pass: ``nn.seed`` makes it the same again.

S. Zhou et al., DoReFa-Net, arXiv:1606.06160, section 2.4.
"""

from __future__ import annotations

from typing import List

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.kernels.stochastic_levels import round_stochastically
from nnabla_compress.quantizers.engine import host_array

_MOST_BITS = 16
_TINY = float(np.finfo(np.float32).tiny)


def quantized_gradient(x: nn.Variable, bits: int = 8) -> nn.Variable:
    """Returns ``x``, and rounds the gradient that comes back to few bits, stochastically.

    DoReFa puts it behind each quantized layer, before the normalization. It acts in training
    only: exports leave it out.

    Args:
        x: Output of a layer, (samples, ...).
        bits: Bits of the gradient, 1 to 16.

    Returns:
        A Variable of the same values.

    Raises:
        ConfigError: If the bits are out of range, or ``x`` has no axis.

    References:
        S. Zhou et al., arXiv:1606.06160.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([[1, 2], [3, 4]]))
        >>> x.need_grad = True
        >>> y = quantized_gradient(x, bits=1)
        >>> y.forward(); x.grad.zero(); y.backward(np.float32([[3, -1], [-2, 2]]))
        >>> y.d.tolist(), np.abs(x.g).tolist()   # a sample has one magnitude, its largest
        ([[1.0, 2.0], [3.0, 4.0]], [[3.0, 3.0], [2.0, 2.0]])
    """
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)):
        raise ConfigError(f"quantized_gradient: bits is {bits!r}.", help="give a whole number")
    if not 1 <= bits <= _MOST_BITS:
        raise ConfigError(
            f"quantized_gradient: bits is {bits}, the range is 1 to {_MOST_BITS}.",
            help=f"choose 1 to {_MOST_BITS}",
        )
    if not x.ndim:
        raise ConfigError(
            "quantized_gradient: the input is a single number.", help="give one with a batch axis"
        )
    return QuantizedGradient({"bits": int(bits)})(x)


class QuantizedGradient(ArgumentsFunction):
    """The node of :func:`quantized_gradient`."""

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return False

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        if self._on_cpu:
            x = host_array(inputs[0].data, np.float32)
            host_array(outputs[0].data, np.float32, overwrite=True)[...] = x
        else:
            outputs[0].data.copy_from(inputs[0].data)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if not propagate_down[0]:
            return
        levels, samples = 2 ** self.args["bits"] - 1, inputs[0].shape[0]
        if self._on_cpu:
            dy = host_array(outputs[0].grad, np.float32).reshape(samples, -1)
            dx = host_array(inputs[0].grad, np.float32, overwrite=not accum[0])
            round_stochastically(dy, levels, _drawn_key(), dx.reshape(samples, -1), accum[0])
            return
        with nn.context_scope(self.ctx):
            dy = outputs[0].grad
            axes = list(range(1, len(dy.shape)))
            peak = F.max(F.abs(dy), axes, keepdims=True) if axes else F.abs(dy)
            peak = F.broadcast(peak, dy.shape)
            noise = F.rand(-0.5, 0.5, dy.shape)
            noise.forward()
            ratio = F.mul_scalar(F.div2(dy, F.maximum_scalar(peak, _TINY)), levels / 2)
            odd = F.add_scalar(F.mul_scalar(F.floor(F.add2(ratio, noise.data)), 2.0), 1.0)
            odd = F.minimum_scalar(F.maximum_scalar(odd, -levels), levels)
            gradient = F.mul2(F.mul_scalar(peak, 1 / levels), odd)
            if accum[0]:
                F.add2(inputs[0].grad, gradient, inplace=False, outputs=[inputs[0].grad])
            else:
                F.identity(gradient, outputs=[inputs[0].grad])

    @property
    def _on_cpu(self) -> bool:
        return not self.ctx.array_class.startswith("Cuda")


def _drawn_key() -> int:
    """A number of 32 bits from NNabla's generator."""
    halves = F.randint(0, 1 << 16, (2,))
    halves.forward()
    high, low = (int(half) for half in halves.d)
    return high << 16 | low
