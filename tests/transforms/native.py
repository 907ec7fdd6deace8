# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of NNabla's own quantized layers, as its parametric functions make and save them."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.utils.save import save


def linear_codes(w):
    with nn.parameter_scope("codes"):
        tables = [
            nn.parameter.get_parameter_or_create(f"{name}{w.ndim}", (1,) * w.ndim, value, False)
            for name, value in (("scale", lambda shape: np.full(shape, 2.0**-6)), ("zero", None))
        ]
    tables[1].d = 3
    return F.dequantize_linear(F.quantize_linear(w, *tables), *tables)


def layers_of(name, **options):
    convolution, affine = (getattr(PF, f"{name}_{kind}") for kind in ("convolution", "affine"))
    return (
        lambda x: convolution(x, 4, (3, 3), name="c1", **options),
        lambda x: affine(x, 10, name="fc", **options),
    )


def plain(activation, **options):
    return (
        lambda x: activation(PF.convolution(x, 4, (3, 3), name="c1", **options)),
        lambda x: PF.affine(x, 10, name="fc", **options),
    )


def ranged(x):
    return PF.min_max_quantize(F.relu(x), qr_max_init=lambda shape: np.full(shape, 1.5), name="a")


NETWORKS = {
    "binary connect": layers_of("binary_connect"),
    "binary weight": layers_of("binary_weight"),
    "inq": layers_of("inq", inq_iterations=(0,)),
    "inq never": layers_of("inq"),
    "inq of sixteen bits": layers_of("inq", num_bits=16),
    "binary with zeros": layers_of("binary_weight", quantize_zero_to=0.0),
    "inq begun": layers_of("inq", inq_iterations=(0, 5, 9), selection_algorithm="largest_abs"),
    "fixed point": layers_of("fixed_point_quantized", n_w=4, delta_w=0.125, delta_b=0.0625),
    "powers of two": layers_of("pow2_quantized", n_w=4, m_w=0, with_zero_w=True),
    "min max": layers_of("min_max_quantized", ql_max_w=15),
    "min max of the tensor": layers_of(
        "min_max_quantized", ql_max_w=15, w_min_max=True, b_min_max=True
    ),
    "pruned": layers_of("pruned", rate_w=0.5),
    "linear codes": plain(F.relu, apply_w=linear_codes),
    "binary tanh": plain(F.binary_tanh),
    "binary sigmoid": plain(F.binary_sigmoid),
    "fixed point maps": plain(
        lambda x: F.fixed_point_quantize(F.relu(x), sign=False, n=4, delta=0.125)
    ),
    "power of two maps": plain(lambda x: F.pow2_quantize(x, sign=True, n=4, m=0)),
    "min max maps": plain(ranged),
}
# Networks whose weights NNabla quantizes, and the bits of a weight.
BITS = {
    "binary connect": 1,
    "binary weight": 1,
    "inq": 4,
    "fixed point": 4,
    "powers of two": 4,
    "min max": 4,
    "min max of the tensor": 4,
    "linear codes": 8,
}


def write_native(path, name):
    """Writes a network, and returns its input and what NNabla computes of it."""
    rng = np.random.RandomState(5)
    first, last = NETWORKS[name]
    nn.clear_parameters()
    x = nn.Variable((2, 1, 8, 8))
    x.d = rng.rand(2, 1, 8, 8)
    y = last(F.max_pooling(F.relu(first(x)), (2, 2)))
    for key, parameter in nn.get_parameters(grad_only=False).items():
        if key.endswith(("/W", "/b")):
            parameter.d = 0.3 * rng.randn(*parameter.shape)
        if key.endswith(("/W_q", "/Wb", "/b_q")):  # of a forward pass long ago
            parameter.d = 7.0
    contents = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path), {"networks": [contents], "executors": []})
    y.forward()
    found = x.d.copy(), y.d.copy()
    nn.clear_parameters()
    return found
