# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Single weights at zero: the least important ones, or a pattern along the input channels.

The layers keep their shapes, and the quantizer :class:`~nnabla_compress.quantizers.Prune` keeps the
mask, through training and export. Of n weights exactly ``floor(sparsity n)`` go, of equally
important ones the first.

S. Han et al., Learning both weights and connections for efficient neural networks,
arXiv:1506.02626.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Mapping, Optional, Union

import numpy as np
from pydantic import field_validator, model_validator

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import LAYERS
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers.base import is_given, shown_type
from nnabla_compress.quantizers.engine import array
from nnabla_compress.quantizers.masks import (
    count_of,
    input_axis,
    largest,
    mask_as_text,
    mask_from_text,
    of_pattern,
    parse_pattern,
)
from nnabla_compress.quantizers.prune import NOT_CHOSEN, Prune
from nnabla_compress.transforms.amounts import (
    Fractions,
    fractions_of,
    matching,
    refuse_unknown,
    require_fractions,
)
from nnabla_compress.transforms.by_importance import ByImportance
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.insert_weights import insert_weight_quantizers
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.transform import Context, Decisions, register_transform


@register_transform("prune_weights")
class PruneWeights(ByImportance):
    """Sets the least important weights to zero; layers keep their shapes.

    Args:
        sparsity: Fraction of the weights that become zero, 0 to below 1, or fractions by pattern of
            layers' names, such as ``{"*": 0.8, "fc*": 0.5}``.
        pattern: ``N:M`` in the place of a fraction, such as ``2:4``: of every M consecutive input
            channels N stay, for each output and position of a kernel. Layers whose input channels M
            does not divide stay as they are.
        importance: What weights are ranked by, such as ``l1``, ``{snip: {samples: 128}}``.
        across: ``network``: one ranking of all weights; ``layers``: the same fraction of each
            layer.
        layers: A pattern of names, as a shell matches files, or several: layers that are pruned.
        regrow: Whether pruned weights keep learning and come back where they have become larger
            than others, chosen anew after each update. Otherwise they stay at zero.
    """

    short = "sparsity"

    sparsity: Optional[Fractions] = None
    pattern: Optional[str] = None
    across: Literal["network", "layers"] = "network"
    layers: Union[str, List[str]] = "*"
    regrow: bool = False

    @field_validator("pattern", mode="before")
    @classmethod
    def _as_written(cls, pattern: Any) -> Any:
        # YAML reads 2:4 as a number of base 60.
        whole = isinstance(pattern, int) and not isinstance(pattern, bool) and pattern >= 60
        return f"{pattern // 60}:{pattern % 60}" if whole else pattern

    @model_validator(mode="after")
    def _one_amount(self) -> PruneWeights:
        if (self.sparsity is None) == (self.pattern is None):
            raise ConfigError(
                "how many weights go is said twice."
                if self.pattern
                else "nothing is to be pruned.",
                help="give sparsity: 0.8, or pattern: 2:4",
            )
        if self.pattern is not None:
            parse_pattern(self.pattern)
        if self.sparsity is not None:
            require_fractions("sparsity", self.sparsity)
        return self

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns how many weights of each layer go, and which, if magnitudes don't tell.

        Raises:
            ConfigError: If a pattern of names matches nothing, a layer is quantized already or
                would lose all weights, or the importance ranks nothing.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        chosen = self._chosen(network)
        weights = {layer.weight_name: layer.weight for layer in chosen.values()}
        scores = self.importance.of_weights(network, weights, context)
        by_layer = {name: scores[layer.weight_name] for name, layer in chosen.items()}
        refuse_unknown("prune_weights", self.importance.name, by_layer)
        said: Dict[str, Any] = {}
        for name, kept in self._masks(by_layer).items():
            weight = chosen[name].weight.d
            pruned = int(kept.size - kept.sum())
            if pruned == kept.size:
                raise ConfigError(
                    f"prune_weights: {name} would lose all of its {kept.size} weights.",
                    help="choose a lower sparsity, across: layers, or leave the layer out",
                )
            said[name] = {"pruned": pruned, "of": kept.size}
            if not np.array_equal(kept, self._by(np.abs(weight), pruned)):
                said[name]["mask"] = mask_as_text(kept)
        if self.regrow and any("mask" in each for each in said.values()):
            raise ConfigError(
                f"prune_weights: weights that may come back are chosen by magnitude, not by "
                f"{self.importance.name}.",
                help="leave out regrow, or the importance",
            )
        left = [x.name for x in layers(network.all_outputs) if x.name not in said]
        return {"layers": said, "left": left}

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns how many weights go, and which layers stay as they are."""
        said = decisions["layers"].values()
        pruned, every = (sum(each[key] for each in said) for key in ("pruned", "of"))
        left = ", ".join(decisions["left"])
        return f"prune_weights: {pruned:,} of {every:,} weights become zero" + (
            f"; {left} stay as they are" if left else ""
        )

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network with the masks, which start as was decided."""
        said = decisions["layers"]

        def choose(layer: Layer) -> Optional[Prune]:
            if layer.name not in said:
                return None
            if self.pattern is not None:
                return Prune(pattern=self.pattern, fixed=not self.regrow)
            rate = said[layer.name]["pruned"] / said[layer.name]["of"]
            return Prune(rate, fixed=not self.regrow)

        made = insert_weight_quantizers(network.all_outputs, choose)
        for layer in layers(made):
            text = said.get(layer.name, {}).get("mask")
            if text is None or layer.quantizer is None:
                continue
            mask = array(layer.quantizer.inputs[1], np.uint8)
            if (mask == NOT_CHOSEN).any():
                mask[...] = mask_from_text(text, mask.shape)
        return network.giving(made)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares the networks without their masks, value for value."""
        check_faithful(given.all_outputs, made.all_outputs)

    def _chosen(self, network: Network) -> Dict[str, Layer]:
        """The layers that are pruned, by name."""
        found = {
            layer.name: layer
            for layer in layers(network.all_outputs)
            if layer.type in LAYERS and not layer.shared
        }
        chosen = {name: found[name] for name in matching("prune_weights", self.layers, [*found])}
        for name, layer in chosen.items():
            if layer.quantizer is not None and not is_given(layer.quantizer):
                raise ConfigError(
                    f"prune_weights: {name} is quantized already, by "
                    f"{shown_type(layer.quantizer)}.",
                    help="prune before you quantize; the term gradual prunes in several rounds",
                )
        if self.pattern is None:
            return chosen
        _, of = parse_pattern(self.pattern)
        fitting = {name: layer for name, layer in chosen.items() if _divides(of, layer)}
        if not fitting:
            raise ConfigError(
                f"prune_weights: no chosen layer has a multiple of {of} input channels.",
                help="choose another pattern, or sparsity",
            )
        return fitting

    def _masks(self, scores: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Which weights stay, by layer."""
        if self.pattern is not None:
            return {name: self._by(values, 0) for name, values in scores.items()}
        assert self.sparsity is not None
        fractions = fractions_of("sparsity", self.sparsity, list(scores))
        if self.across == "layers" or isinstance(self.sparsity, Mapping):
            return {
                name: largest(values, count_of(fractions[name], values.size))
                for name, values in scores.items()
            }
        every = np.concatenate([np.ravel(values) for values in scores.values()])
        kept = largest(every, count_of(self.sparsity, every.size))
        ends = np.cumsum([values.size for values in scores.values()])[:-1]
        parts = zip(scores.items(), np.split(kept, ends))
        return {name: part.reshape(values.shape) for (name, values), part in parts}

    def _by(self, values: np.ndarray, pruned: int) -> np.ndarray:
        """Which weights of a layer the quantizer would keep by these numbers."""
        if self.pattern is None:
            return largest(values, pruned)
        return of_pattern(values, *parse_pattern(self.pattern))


def _divides(of: int, layer: Layer) -> bool:
    matrix = layer.type == "Affine" and layer.weight.ndim == 2
    if not (matrix or layer.type == "Convolution") or not layer.direct:
        return False
    return layer.weight.shape[input_axis(layer.weight.ndim)] % of == 0
