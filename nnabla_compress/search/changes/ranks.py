# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One layer factorized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from nnabla_compress.errors import ConfigError
from nnabla_compress.search.changes.change import Change, Effect, Found, Shrunk
from nnabla_compress.search.scoring import ScoredNetwork, signal_to_noise
from nnabla_compress.search.sensitivity import FLOAT_BITS, RANKS, Sensitivity
from nnabla_compress.search.smaller import Smaller
from nnabla_compress.transforms.factorize import Factorize
from nnabla_compress.transforms.factors import FORMS
from nnabla_compress.transforms.factors.site import sites
from nnabla_compress.transforms.transform import Alone


@dataclass(frozen=True)
class FactorizedLayer(Change):
    """Smaller layers in the place of one.

    Args:
        layer: Name of the layer.
        share: The share of its operations that they take at most.
        method: The method of factorization.
        ranks: Its ranks.
    """

    layer: str
    share: float
    method: str
    ranks: Tuple[int, ...]

    def measure(self, scored: ScoredNetwork) -> Sensitivity:
        """Returns what it does to a network."""
        said = {"method": self.method, "ranks": list(self.ranks)}
        scores, made, _ = scored.score({}, {}, Smaller(factors={self.layer: said}))
        shrunk = Shrunk.of(scored.network, made)
        site = next(x for x in sites([scored.output]) if x.name == self.layer)
        first = {layer.name: layer for layer in reversed(shrunk.touched)}
        pieces = [first[name] for name in dict.fromkeys(layer.name for layer in shrunk.touched)]
        product = FORMS[self.method].product([layer.weight.d for layer in pieces], site.kernel)
        weights = shrunk.weights
        return Sensitivity(
            RANKS,
            self.layer,
            site.layer.type,
            weights,
            shrunk.macs,
            FLOAT_BITS,
            FLOAT_BITS * weights,
            *Effect.of(scored, scores),
            signal_to_noise(site.weight.d, product),
            scores.output_snr,
            self.share,
            shrunk.saved_parameters,
            shrunk.saved_macs,
            {**said, "layers": [layer.name for layer in pieces]},
        )


def rank_changes(scored: ScoredNetwork, methods: Sequence[str], shares: Sequence[float]) -> Found:
    """Returns every layer that can be factorized, with ranks for every share of its operations.

    Args:
        scored: The network.
        methods: Methods of factorization; for each layer the one whose weights come nearest.
        shares: Shares of a layer's operations that stay, above 0 and below 1.

    Raises:
        ConfigError: If a share is out of range, a method is unknown, or nothing gets smaller.
    """
    kept: Dict[str, str] = {}
    changes: Dict[str, List[Change]] = {}
    outputs = scored.network
    for share in shares:
        factorize = Factorize.checked(
            {"method": list(methods), "ratio": share, "samples": 0}, "--method"
        )
        try:
            decided = factorize.decide(outputs, Alone())
        except ConfigError:
            if share == shares[-1] and not changes:
                raise
            continue
        kept = dict(decided["kept"])
        for name, said in decided["layers"].items():
            change = FactorizedLayer(name, share, said["method"], tuple(said["ranks"]))
            changes.setdefault(name, []).append(change)
    order = [site.name for site in sites(outputs.all_outputs)]
    return Found(
        [change for name in order for change in changes.get(name, [])],
        {name: why for name, why in kept.items() if name not in changes},
    )
