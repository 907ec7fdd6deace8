# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whole filters, and whole input channels, pulled to zero together (structured sparsity learning).

::

    filters * sum_layers sum_m ||W_m||_2 + channels * sum_layers sum_n ||W_:n||_2

is added to the loss, with W_m the weights of an output channel and W_:n those that read an input
channel. Where they have become small, ``prune_channels`` removes the channels.

W. Wen et al., Learning structured sparsity in deep neural networks, arXiv:1608.03665.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import model_validator

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import LAYERS
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

_EPSILON = 1e-12  # below the root, so that a group at zero has the gradient 0
# Groups below this part of the layer's largest one count as small.
_SMALL = 0.01


class Grouped(NamedTuple):
    """A weight, and the axes that count its channels.

    Args:
        name: Its layer.
        weight: The parameter.
        output_axis: Axis of the output channels.
        input_axis: Axis of the input channels; None where a group of a layer has one only.
    """

    name: str
    weight: nn.Variable
    output_axis: int
    input_axis: Optional[int]

    def lengths(self, axis: int) -> nn.Variable:
        """Returns the Euclidean length of each group along an axis.

        Args:
            axis: The axis.
        """
        others = [a for a in range(self.weight.ndim) if a != axis]
        return F.pow_scalar(F.sum(self.weight**2, axis=others) + _EPSILON, 0.5)


@dataclass
class GroupLasso(Term):
    """Adds the lengths of filters and of input channels.

    Args:
        filters: Factor of the lengths of output channels' weights, 0 or more.
        channels: Factor of those of input channels' weights, 0 or more.
        layers: A pattern of names of layers, as a shell matches files, or several.

    Raises:
        ConfigError: If a factor is negative, or both are 0.
    """

    filters: float = 1e-4
    channels: float = 0.0
    layers: Union[str, List[str]] = "*"

    def __post_init__(self) -> None:
        for name in ("filters", "channels"):
            factor = getattr(self, name)
            if not 0 <= factor < float("inf"):
                raise ConfigError(
                    f"group_lasso: {name} is {factor}, it is a factor of a penalty.",
                    help="choose 0 or more, such as 1e-4",
                )
        if not self.filters and not self.channels:
            raise ConfigError(
                "group_lasso: filters and channels are both 0.", help="give one of them"
            )

    def attach(self, training: Training) -> None:
        """Finds the weights.

        Raises:
            ConfigError: If there are none.
        """
        self._weights = grouped(training.outputs, self.layers)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the penalties that have a factor."""
        for each in self._weights:
            if self.filters:
                objective = objective + self.filters * F.sum(each.lengths(each.output_axis))
            if self.channels and each.input_axis is not None:
                objective = objective + self.channels * F.sum(each.lengths(each.input_axis))
        return objective

    def monitors(self) -> Mapping[str, float]:
        """Returns the shares of output and input channels whose weights are small."""
        small: Dict[str, List[np.ndarray]] = {"Small filters": [], "Small channels": []}
        for each in self._weights:
            values = np.square(np.asarray(each.weight.d, np.float64))
            for name, axis in zip(small, (each.output_axis, each.input_axis)):
                if axis is not None:
                    others = tuple(a for a in range(values.ndim) if a != axis)
                    lengths = np.sqrt(values.sum(axis=others))
                    small[name].append(lengths < _SMALL * lengths.max(initial=0))
        return {name: float(np.concatenate(of).mean()) for name, of in small.items() if of}

    def outcome(self) -> Dict[str, Any]:
        """Returns the same in the end."""
        found = {name.lower().replace(" ", "_"): value for name, value in self.monitors().items()}
        return {"group_lasso": found}


def grouped(outputs: Sequence[nn.Variable], patterns: Union[str, Sequence[str]]) -> List[Grouped]:
    """Returns the weights of layers with their groups, each weight once.

    Args:
        outputs: Variables of one graph.
        patterns: A pattern of names of layers, as a shell matches files, or several.

    Raises:
        ConfigError: If there are none.
    """
    wanted = [patterns] if isinstance(patterns, str) else patterns
    known = [x for x in layers(outputs) if x.type in LAYERS and not x.shared]
    names = [layer.name for layer in known]
    found = [_grouped(x) for x in known if any(fnmatchcase(x.name, p) for p in wanted)]
    if not found:
        raise ConfigError(
            f"group_lasso: no layer matches {', '.join(wanted)}.",
            help=did_you_mean("", names) if names else "the network has no layers",
        )
    return found


def _grouped(layer: Layer) -> Grouped:
    made, group = layer.output_axis, int(layer.function.info.args.get("group", 1))
    assert made is not None
    depthwise = layer.type.startswith("Depthwise") or group > 1
    read = None if depthwise else 1 - made
    return Grouped(layer.name, layer.weight, made, read)


@register_term("group_lasso")
class GroupLassoOptions(TermOptions):
    """Pulls whole filters and input channels to zero, to remove them then (structured sparsity).

    Args:
        filters: Factor of the lengths of output channels' weights, 0 or more.
        channels: Factor of the lengths of the weights that read an input channel, 0 or more.
        layers: A pattern of names of layers, as a shell matches files, or several.
    """

    short = "filters"

    filters: float = 1e-4
    channels: float = 0.0
    layers: Union[str, List[str]] = "*"

    @model_validator(mode="after")
    def _in_range(self) -> GroupLassoOptions:
        GroupLasso(**self.model_dump())
        return self

    def make(self, teacher: Build) -> GroupLasso:
        """Returns the term."""
        return GroupLasso(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without such layers.

        Raises:
            ConfigError: If it has none.
        """
        grouped(outputs, self.layers)
        return []
