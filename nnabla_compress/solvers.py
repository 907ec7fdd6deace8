# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Solvers that compress: they wrap any NNabla solver and are used like one."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import QuantizerFunction, living_functions

__all__ = ["LUTQ", "Quantized", "UnitNorm", "put_on_sphere", "tangential"]


class Quantized:
    """Any NNabla solver, for networks whose quantizers have state of their own.

    ``update()`` first lets each quantizer bound the gradients of its parameters (``before_update``:
    step and range of :class:`~nnabla_compress.quantizers.Uniform` and ``Pow2``), then updates, then
    lets each follow the weights (``after_update``: dictionary and assignments of
    :class:`~nnabla_compress.quantizers.LUT`, the mask of ``Prune``). The quantizers are found in
    the graphs that exist at that moment, so static graphs and graphs built anew in each iteration
    (auto-forward) both work.

    All methods of NNabla's solvers are there: ``set_parameters``, ``zero_grad``, ``weight_decay``,
    ``clip_grad_by_norm``, ``set_learning_rate``, ``save_states``, ``load_states``, and so on.

    Args:
        solver: The NNabla solver that updates the parameters.
        steps: k-means steps after each update; at least 1.

    Raises:
        ConfigError: If ``steps`` is below 1.

    Example:
        >>> import nnabla as nn, nnabla.functions as F, nnabla.solvers as S
        >>> import nnabla_compress.parametric_functions as CPF
        >>> nn.clear_parameters()
        >>> loss = F.mean(CPF.dq_affine(nn.Variable((4, 8)), 8, bits=2, name="fc") ** 2)
        >>> solver = Quantized(S.Momentum(0.1, 0.9))
        >>> solver.set_parameters(nn.get_parameters())
        >>> solver.zero_grad()
        >>> loss.forward(); loss.backward()
        >>> solver.update()
    """

    def __init__(self, solver: Any, steps: int = 1) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ConfigError(
                f"{type(self).__name__}: steps is {steps!r}.",
                help="give a whole number of at least 1",
            )
        if not hasattr(solver, "get_parameters"):
            raise ConfigError(
                f"{type(self).__name__}: {solver!r} is no solver.",
                help="give one of nnabla.solvers, such as S.Adam(0.001)",
            )
        self._solver = solver
        self._steps = steps
        self._parameters: Dict[str, nn.Variable] = dict(solver.get_parameters())

    def __getattr__(self, name: str) -> Any:
        if name == "_solver":  # not there yet while an instance is being copied
            raise AttributeError(name)
        return getattr(self._solver, name)

    @property
    def solver(self) -> Any:
        """The wrapped NNabla solver."""
        return self._solver

    @property
    def name(self) -> str:
        """The wrapped solver's name behind that of this class."""
        return f"{type(self).__name__}{self._solver.name}"

    def set_parameters(
        self, param_dict: Dict[str, nn.Variable], reset: bool = True, retain_state: bool = False
    ) -> None:
        """Sets the parameters to update, as NNabla's ``set_parameters`` does.

        Args:
            param_dict: Names and Variables, as from ``nn.get_parameters()``.
            reset: Forget the parameters set before.
            retain_state: Keep the solver's state of parameters that were set before.
        """
        self._solver.set_parameters(param_dict, reset=reset, retain_state=retain_state)
        self._parameters = dict(self._solver.get_parameters())

    def remove_parameters(self, keys: List[str]) -> None:
        """Stops updating, and following, the parameters of these names."""
        self._solver.remove_parameters(keys)
        self._parameters = dict(self._solver.get_parameters())

    def clear_parameters(self) -> None:
        """Stops updating all parameters."""
        self._solver.clear_parameters()
        self._parameters = {}

    def functions(self) -> List[QuantizerFunction]:
        """Returns the quantizer nodes, in graphs that exist now, of the solver's parameters."""
        return living_functions(self._parameters.values())

    def update(
        self, update_pre_hook: Optional[Any] = None, update_post_hook: Optional[Any] = None
    ) -> None:
        """Bounds gradients, updates by the wrapped solver, and lets quantizers follow.

        Args:
            update_pre_hook: Called by the wrapped solver before each parameter's update.
            update_post_hook: Called by the wrapped solver after each parameter's update.
        """
        functions = self._to_update()
        for function in functions:
            function.quantizer.before_update(function.args, function.tensors)
        self._solver.update(update_pre_hook=update_pre_hook, update_post_hook=update_post_hook)
        for function in functions:
            function.quantizer.after_update(function.args, function.tensors, self._steps)

    def _to_update(self) -> List[QuantizerFunction]:
        return self.functions()


class LUTQ(Quantized):
    """Any NNabla solver, followed by k-means steps on the weights that it updated.

    It is :class:`Quantized` by the paper's name, and refuses to train what has no quantizer.

    Args:
        solver: The NNabla solver that updates the weights.
        steps: k-means steps after each update; at least 1. One is what the paper advertises.

    Raises:
        ConfigError: If ``steps`` is below 1; at ``update()``, if there is nothing to compress.

    References:
        F. Cardinaux et al., Iteratively training look-up tables for network quantization,
        arXiv:1911.04951.

    Example:
        >>> import nnabla as nn, nnabla.functions as F, nnabla.solvers as S, numpy as np
        >>> import nnabla_compress.parametric_functions as CPF
        >>> nn.clear_parameters()
        >>> loss = F.mean(CPF.lutq_affine(nn.Variable((4, 8)), 8, bits=2, name="fc") ** 2)
        >>> solver = LUTQ(S.Momentum(0.1, 0.9))
        >>> solver.set_parameters(nn.get_parameters())
        >>> solver.zero_grad()
        >>> loss.forward(); loss.backward()
        >>> solver.update()
        >>> len(np.unique(loss.parent.inputs[0].parent.inputs[0].parent.inputs[1].d))
        4
    """

    def _to_update(self) -> List[QuantizerFunction]:
        functions = super()._to_update()
        if not functions:
            raise ConfigError(
                f"LUTQ: none of the {len(self._parameters)} parameters of the solver passes a "
                "quantizer.",
                help="build the network with lutq_* layers or apply_w=Q.LUT(...) before "
                "set_parameters, and keep its output variable alive until update()",
            )
        return functions


class UnitNorm(Quantized):
    """Any NNabla solver, for neurons whose weights keep the length 1.

    Before each update the part of a gradient that points along the weights is taken out,
    ``g - (g w) w``; behind it weights are divided by their length, ``w / |w|``. It does what
    :class:`Quantized` does, too.

    Args:
        solver: The NNabla solver that updates the weights.
        weights: Names of the weights, as in ``set_parameters``, and the axis that counts the
            neurons: 1 for ``affine/W``, 0 for ``conv/W``.
            :func:`nnabla_compress.analysis.unit_axes` finds them in a network.
        thresholds: Names of biases, and their largest magnitude: they are cut off there.

    Raises:
        ConfigError: If nothing is named; at ``update()``, if a name is none of the solver's
            parameters.

    References:
        L. Qin, S. Zhou and D. Xiu, arXiv:1805.08340.

    Example:
        >>> import nnabla as nn, nnabla.functions as F, nnabla.solvers as S, numpy as np
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> loss = F.mean(PF.affine(F.relu(PF.affine(nn.Variable((4, 8)), 8, name="a")), 1) ** 2)
        >>> solver = UnitNorm(S.Momentum(0.1, 0.9), {"a/affine/W": 1})
        >>> solver.set_parameters(nn.get_parameters())
        >>> solver.zero_grad()
        >>> loss.forward(); loss.backward()
        >>> solver.update()
        >>> np.linalg.norm(nn.get_parameters()["a/affine/W"].d, axis=0).round(5).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        solver: Any,
        weights: Mapping[str, int],
        thresholds: Optional[Mapping[str, float]] = None,
    ) -> None:
        super().__init__(solver)
        if not weights:
            raise ConfigError(
                "UnitNorm: no weights are named.",
                help="give names and axes, such as nnabla_compress.analysis.unit_axes(y)",
            )
        self._weights, self._thresholds = dict(weights), dict(thresholds or {})

    def update(
        self, update_pre_hook: Optional[Any] = None, update_post_hook: Optional[Any] = None
    ) -> None:
        """Updates by the wrapped solver, along the sphere.

        Args:
            update_pre_hook: Called by the wrapped solver before each parameter's update.
            update_post_hook: Called by the wrapped solver after each parameter's update.
        """
        for name in (*self._weights, *self._thresholds):
            if name not in self._parameters:
                raise ConfigError(
                    f"UnitNorm: the solver has no parameter {name!r}.",
                    help="name those given to set_parameters",
                )
        for name, axis in self._weights.items():
            tangential(self._parameters[name], axis)
        super().update(update_pre_hook, update_post_hook)
        for name, axis in self._weights.items():
            put_on_sphere(self._parameters[name], axis)
        for name, most in self._thresholds.items():
            bias = self._parameters[name]
            bias.d = np.clip(bias.d, -most, most)


def put_on_sphere(weight: nn.Variable, axis: int) -> None:
    """Divides the weights of each neuron by their length; zeros stay zeros.

    Args:
        weight: The parameter; it changes.
        axis: The axis that counts the neurons.
    """
    values = np.asarray(weight.d, np.float64)
    length = _lengths(values, axis)
    weight.d = values / np.where(length > 0, length, 1.0)


def tangential(weight: nn.Variable, axis: int) -> None:
    """Takes the part of a gradient out that would change the length of weights.

    Args:
        weight: The parameter; its gradient changes.
        axis: The axis that counts the neurons.
    """
    values, gradient = np.asarray(weight.d, np.float64), np.asarray(weight.g, np.float64)
    length = _lengths(values, axis)
    unit = values / np.where(length > 0, length, 1.0)
    others = tuple(a for a in range(values.ndim) if a != axis)
    weight.g = gradient - (gradient * unit).sum(axis=others, keepdims=True) * unit


def _lengths(values: np.ndarray, axis: int) -> np.ndarray:
    others = tuple(a for a in range(values.ndim) if a != axis)
    found: np.ndarray = np.sqrt(np.square(values).sum(axis=others, keepdims=True))
    return found
