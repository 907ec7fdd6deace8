# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalization layers that a device without a multiplier can run."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import nnabla as nn
from nnabla.initializer import ConstantInitializer
from nnabla.parameter import get_parameter_or_create
from nnabla.parametric_functions import parametric_function_api

import nnabla_compress.functions as CF


@parametric_function_api(
    "bn",
    [
        ("beta", "Trainable bias", "<as PF.batch_normalization>", True),
        ("gamma", "Trainable scaling factor", "<as PF.batch_normalization>", True),
        ("mean", "Moving average of the batch mean", "<as PF.batch_normalization>", False),
        ("var", "Moving average of the batch variance", "<as PF.batch_normalization>", False),
    ],
)
def pow2_batch_normalization(
    inp: nn.Variable,
    axes: Sequence[int] = [1],  # noqa: B006 - the default of NNabla's twin; never changed
    decay_rate: float = 0.9,
    eps: float = 1e-5,
    batch_stat: bool = True,
    output_stat: bool = False,
    fix_parameters: bool = False,
    param_init: Optional[Dict[str, Any]] = None,
    no_scale: bool = False,
    no_bias: bool = False,
) -> nn.Variable:
    """Batch normalization without multiplications: its scale is a power of two.

    See :func:`nnabla_compress.functions.pow2_batch_normalization` for the formula. Parameters and
    their names are those of ``PF.batch_normalization``.

    Args:
        inp: Input, any shape.
        axes: Axes along which statistics are kept apart.
        decay_rate: Decay rate of the running mean and variance, 0 to 1.
        eps: Added to the variance before its square root.
        batch_stat: Use the batch's statistics (training) instead of the running ones.
        output_stat: Also return the mean and variance used.
        fix_parameters: Do not train beta and gamma.
        param_init: Initializers by the keys "beta", "gamma", "mean", "var".
        no_scale: Leave gamma out.
        no_bias: Leave beta out.

    Returns:
        The normalized input; with ``output_stat`` also the mean and the variance.

    References:
        F. Cardinaux et al., arXiv:1911.04951 (multiplier-less batch normalization).

    Example:
        >>> import nnabla as nn
        >>> nn.clear_parameters()
        >>> pow2_batch_normalization(nn.Variable((4, 3, 8, 8)), name="bn1").shape
        (4, 3, 8, 8)
    """
    init = param_init or {}
    kept = {axis % inp.ndim for axis in axes}
    shape = [size if axis in kept else 1 for axis, size in enumerate(inp.shape)]
    trained = not fix_parameters
    beta = gamma = None
    if not no_bias:
        beta = get_parameter_or_create(
            "beta", shape, init.get("beta", ConstantInitializer(0)), True, trained
        )
    if not no_scale:
        gamma = get_parameter_or_create(
            "gamma", shape, init.get("gamma", ConstantInitializer(1)), True, trained
        )
    mean = get_parameter_or_create("mean", shape, init.get("mean", ConstantInitializer(0)), False)
    var = get_parameter_or_create("var", shape, init.get("var", ConstantInitializer(1)), False)
    return CF.pow2_batch_normalization(
        inp, beta, gamma, mean, var, axes, decay_rate, eps, batch_stat, output_stat
    )
