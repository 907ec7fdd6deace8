# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scales of batch normalizations pulled to zero, so that channels become superfluous.

::

    strength * sum |gamma|

is added to the loss. Where scales have become small, ``prune_channels`` with the importance
``bn_gamma`` removes the channels (network slimming).

Z. Liu et al., Learning efficient convolutional networks through network slimming,
arXiv:1708.06519.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Mapping, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import model_validator

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_parameter
from nnabla_compress.analysis.layers import parameter_names
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.regularizers.sinreq import require_strength
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

# Scales below this part of the largest one count as small.
_SMALL = 0.01


@dataclass
class Slimming(Term):
    """Adds the sum of the magnitudes of the scales.

    Args:
        strength: Factor of the sum, positive.
        layers: A pattern of names of the scales' parameters, as a shell matches files, or several.

    Raises:
        ConfigError: If the strength is not positive.
    """

    strength: float = 1e-4
    layers: Union[str, List[str]] = "*"

    def __post_init__(self) -> None:
        require_strength("slimming: strength", self.strength)

    def attach(self, training: Training) -> None:
        """Finds the scales.

        Raises:
            ConfigError: If there are none.
        """
        self._scales = scales(training.outputs, self.layers)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the penalty."""
        total = sum(F.sum(F.abs(scale)) for scale in self._scales)
        return objective + self.strength * total

    def monitors(self) -> Mapping[str, float]:
        """Returns the mean magnitude of the scales, and the share of them that are small."""
        values = np.abs(np.concatenate([np.ravel(scale.d) for scale in self._scales]))
        small = float((values < _SMALL * values.max(initial=0)).mean())
        return {"Mean scale": float(values.mean()), "Small scales": small}

    def outcome(self) -> Dict[str, Any]:
        """Returns the same in the end."""
        mean, small = self.monitors().values()
        return {"slimming": {"mean_scale": mean, "small_scales": small}}


def scales(
    outputs: Sequence[nn.Variable], patterns: Union[str, Sequence[str]]
) -> List[nn.Variable]:
    """Returns the parameters that batch normalizations scale by.

    Args:
        outputs: Variables of one graph.
        patterns: A pattern of their names, as a shell matches files, or several.

    Raises:
        ConfigError: If there are none.
    """
    names = parameter_names(outputs)
    found: Dict[str, nn.Variable] = {}
    for function in functions(outputs):
        scale = scale_parameter(function) if function.info.type_name in FOLDABLE else None
        if scale is not None:
            found[names.get(scale.data, scale.name)] = scale
    wanted = [patterns] if isinstance(patterns, str) else patterns
    chosen = [v for name, v in found.items() if any(fnmatchcase(name, p) for p in wanted)]
    if not chosen:
        raise ConfigError(
            f"slimming: no scale of a batch normalization matches {', '.join(wanted)}.",
            help=did_you_mean("", list(found)) if found else "use group_lasso: it needs none",
        )
    return chosen


@register_term("slimming")
class SlimmingOptions(TermOptions):
    """Pulls the scales of batch normalizations to zero, to remove their channels then (slimming).

    Args:
        strength: Factor of the sum of the magnitudes of all scales, positive. Published: 1e-4 for
            VGG networks, 1e-5 for residual ones.
        layers: A pattern of names of the scales' parameters, as a shell matches files, or several.
    """

    short = "strength"

    strength: float = 1e-4
    layers: Union[str, List[str]] = "*"

    @model_validator(mode="after")
    def _in_range(self) -> SlimmingOptions:
        Slimming(**self.model_dump())
        return self

    def make(self, teacher: Build) -> Slimming:
        """Returns the term."""
        return Slimming(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without scales.

        Raises:
            ConfigError: If it has none.
        """
        scales(outputs, self.layers)
        return []
