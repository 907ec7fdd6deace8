# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's parametric functions with compression in them; import as ``CPF``.

A compressed layer takes the arguments of its twin in ``nnabla.parametric_functions`` and a few
more, and keeps its parameters under the same names (``<name>/conv/W``, ``<name>/conv/b``), so that
weights move between float and compressed networks by name. ``quantized_*`` take any quantizer; the
layers of a method take its options. :func:`register` puts all of them beside NNabla's own.
"""

from __future__ import annotations

from typing import List

from nnabla_compress.parametric_functions.batch_normalization import pow2_batch_normalization
from nnabla_compress.parametric_functions.dq import (
    dq_affine,
    dq_convolution,
    dq_deconvolution,
    dq_depthwise_convolution,
    dq_quantize,
)
from nnabla_compress.parametric_functions.layers import (
    quantized_affine,
    quantized_convolution,
    quantized_deconvolution,
    quantized_depthwise_convolution,
)
from nnabla_compress.parametric_functions.lutq import (
    lutq_affine,
    lutq_convolution,
    lutq_deconvolution,
    lutq_depthwise_convolution,
)
from nnabla_compress.parametric_functions.unit import unit_affine, unit_convolution

__all__ = [
    "dq_affine",
    "dq_convolution",
    "dq_deconvolution",
    "dq_depthwise_convolution",
    "dq_quantize",
    "lutq_affine",
    "lutq_convolution",
    "lutq_deconvolution",
    "lutq_depthwise_convolution",
    "pow2_batch_normalization",
    "quantized_affine",
    "quantized_convolution",
    "quantized_deconvolution",
    "quantized_depthwise_convolution",
    "register",
    "unit_affine",
    "unit_convolution",
]


def register() -> List[str]:
    """Puts the layers of this module beside those of ``nnabla.parametric_functions``.

    Returns:
        Their names there.

    Raises:
        ConfigError: If something else has such a name there; nothing is put there then.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> "lutq_convolution" in register(), PF.lutq_convolution is lutq_convolution
        (True, True)
    """
    import nnabla.parametric_functions as PF

    from nnabla_compress.errors import ConfigError

    layers = {name: globals()[name] for name in __all__ if name != "register"}
    for name, layer in layers.items():
        if getattr(PF, name, layer) is not layer:
            raise ConfigError(
                f"nnabla.parametric_functions has another {name} already.",
                help="call it as nnabla_compress.parametric_functions." + name,
            )
    for name, layer in layers.items():
        setattr(PF, name, layer)
    return list(layers)
