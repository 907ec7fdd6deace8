# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The scale that a batch normalization gives a channel: what network slimming ranks by.

``|gamma|``, the mean of it where several normalizations scale the channels of a group. Scales of
all layers are compared as they are. The term ``slimming`` makes many of them small before.

Z. Liu et al., Learning efficient convolutional networks through network slimming,
arXiv:1708.06519.
"""

from __future__ import annotations

from typing import Dict, Sequence

import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_parameter
from nnabla_compress.analysis.couplings import Group
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import entries, parameters_by_name
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("bn_gamma")
class BNGamma(Importance):
    """Ranks channels by the scale of the batch normalization behind them (network slimming)."""

    comparable = True

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the magnitude of each channel's scale.

        Raises:
            ConfigError: If no batch normalization scales the channels of a group.
        """
        scales = {
            scale.data
            for function in functions(network.all_outputs)
            if function.info.type_name in FOLDABLE
            for scale in [scale_parameter(function)]
            if scale is not None
        }
        parameters = parameters_by_name(network)
        found: Dict[str, np.ndarray] = {}
        for group in groups:
            rows = [
                np.abs(entries(np.asarray(parameters[member.parameter].d, np.float64), member))
                for member in group.members
                if parameters[member.parameter].data in scales
            ]
            if not rows:
                raise ConfigError(
                    f"importance bn_gamma: no batch normalization scales the channels of "
                    f"{group.name}.",
                    help="choose another importance, such as l1, or leave that layer as it is",
                )
            found[group.name] = np.mean([row.mean(axis=1) for row in rows], axis=0)
        return found
