# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalizations as part of the layers before them, before or while these are quantized."""

from __future__ import annotations

from typing import Any, List, Literal, Mapping, Optional, Sequence

import nnabla as nn
from pydantic import Field, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves, with_batch_statistics
from nnabla_compress.transforms.faithful import FOLDED, check_faithful
from nnabla_compress.transforms.fold import fold_batch_normalization
from nnabla_compress.transforms.fold_training import fold_for_training
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform
from nnabla_compress.turns import one_at_a_time


@register_transform("fold")
class Fold(Transform):
    """Makes batch normalizations part of the layers before them.

    Args:
        how: ``before``: into the float layers, before quantizers are put in. ``training``: they are
            trained as part of layers that ``movingrange`` quantizes, after ``quantize``.
        freeze_after: With ``training``: updates after which the running statistics stay as they
            are. Left out, they never do.
    """

    short = "how"
    of_inference = True
    same_function = True

    how: Literal["before", "training"] = "before"
    freeze_after: Optional[int] = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _of_training(self) -> Fold:
        if self.freeze_after is not None and self.how != "training":
            raise ConfigError(
                "freeze_after is for batch normalizations folded in training.",
                help="add fold: training",
            )
        return self

    @property
    def held(self) -> bool:
        """Whether folded weights take the place of the old ones."""
        return self.how == "before"

    def decide(self, network: Network, context: Context) -> Decisions:
        """Refuses a network that can't be folded.

        Raises:
            UnsupportedFunctionError: If its weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        return {}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the folded network.

        Raises:
            ConfigError: If nothing can be folded in training.
        """
        outputs = network.all_outputs
        if self.how == "before":
            return network.giving(folded(outputs))
        made = fold_for_training(outputs, self.freeze_after)
        if not any(
            f.info.type_name == FoldedBatchNormalization.graph_type() for f in functions(made)
        ):
            raise ConfigError(
                "fold: training: no batch normalization follows a layer whose weight is quantized "
                "by movingrange.",
                help="give the layers the quantizer movingrange, or leave fold out",
            )
        return network.giving(made)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares the networks in inference; :func:`folded` has done it for its own."""
        if self.how == "training":
            check_faithful(given.all_outputs, made.all_outputs)


@one_at_a_time
def folded(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds a graph again for inference, batch normalizations folded, to be trained further.

    Folded weights take the place of the old ones in the current parameter scope, under their
    names; parameters that are not used any more are removed from it. Dropout disappears.

    Args:
        outputs: Variables of one graph, which keeps its own parameters.

    Returns:
        The new outputs.

    Raises:
        VerifyError: If they do not compute what the given ones do.
    """
    before = {leaf.data for leaf in leaves(outputs)}
    new = fold_batch_normalization(with_batch_statistics(outputs, False))
    inputs = inputs_of(outputs)
    check_faithful(outputs, new, inputs, inputs, FOLDED)
    after = leaves(new)
    used = {leaf.data for leaf in after}
    scope = nn.get_parameters(grad_only=False)
    for name, parameter in scope.items():
        if parameter.data in before and parameter.data not in used:
            nn.parameter.pop_parameter(name)
    taken = set(nn.get_parameters(grad_only=False))
    for leaf in after:
        if leaf.data in before or not leaf.name:
            continue
        name, number = leaf.name, 1
        while name in taken:
            number += 1
            name = f"{leaf.name}_{number}"
        taken.add(name)
        nn.parameter.set_parameter(name, leaf)
    return new
