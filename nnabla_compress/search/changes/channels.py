# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The least important channels of one group taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.analysis.couplings import Couplings, Group
from nnabla_compress.analysis.layers import layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import Importance
from nnabla_compress.search.changes.change import Change, Effect, Found, Shrunk
from nnabla_compress.search.scoring import ScoredNetwork, signal_to_noise
from nnabla_compress.search.sensitivity import CHANNELS, FLOAT_BITS, Sensitivity
from nnabla_compress.search.smaller import Smaller
from nnabla_compress.transforms.amounts import refuse_unknown


@dataclass(frozen=True)
class RemovedChannels(Change):
    """Channels of a group taken out, with all that goes with them.

    Args:
        group: Name of the group.
        share: The share that was asked for.
        size: Number of channels that the group has.
        channels: Those that go.
        type: Type of the first layer that makes them.
        weight_snr: Signal-to-noise ratio in dB of the weights that make them.
    """

    group: str
    share: float
    size: int
    channels: Tuple[int, ...]
    type: str
    weight_snr: Optional[float]

    def measure(self, scored: ScoredNetwork) -> Sensitivity:
        """Returns what it does to a network."""
        scores, made, _ = scored.score({}, {}, Smaller({self.group: self.channels}))
        shrunk = Shrunk.of(scored.network, made)
        weights = shrunk.weights
        return Sensitivity(
            CHANNELS,
            self.group,
            self.type,
            self.size - len(self.channels),
            shrunk.macs,
            FLOAT_BITS,
            FLOAT_BITS * weights,
            *Effect.of(scored, scores),
            self.weight_snr,
            scores.output_snr,
            self.share,
            shrunk.saved_parameters,
            shrunk.saved_macs,
            {"channels": list(self.channels)},
        )


def channel_changes(
    scored: ScoredNetwork, importance: Importance, shares: Sequence[float]
) -> Found:
    """Returns every group whose channels can go, with every share of them.

    Args:
        scored: The network, and the data that the importance looks at.
        importance: What channels are ranked by; the least important go.
        shares: Shares of a group's channels, above 0 and below 1: rounded, at least one channel
            goes and one stays.

    Raises:
        ConfigError: If a share is out of range, no channels can go, or the importance ranks none.
        DataError: If the importance needs data that there are not.
    """
    network = scored.network
    couplings = Couplings(network)
    kept: Dict[str, str] = {}
    groups = []
    for group in couplings.groups:
        why = group.kept or ("it is the only one" if group.size < 2 else None)
        if why is None:
            groups.append(group)
        else:
            kept[group.name] = why
    if not groups:
        said = "; ".join(f"{name}: {why}" for name, why in list(kept.items())[:3])
        raise ConfigError(
            f"no channels of this network can go ({said}).", help="measure bits or ranks"
        )
    scores = importance.scores(network, groups, scored)
    refuse_unknown("channels", importance.name, scores)
    types = {layer.name: layer.type for layer in layers(network.all_outputs)}
    changes = []
    for group in groups:
        order = np.argsort(scores[group.name], kind="stable")
        for share in shares:
            count = min(max(1, int(share * group.size + 0.5)), group.size - 1)
            channels = tuple(sorted(order[:count].tolist()))
            type_ = types.get(group.makers[0], "")
            ratio = _weight_snr(couplings, group, channels)
            changes.append(RemovedChannels(group.name, share, group.size, channels, type_, ratio))
    return Found(list(changes), kept)


def _weight_snr(couplings: Couplings, group: Group, channels: Sequence[int]) -> Optional[float]:
    """How much of the weights that make the channels stays."""
    signal, rest = [], []
    for member in group.members:
        if member.role != "output":
            continue
        values = np.moveaxis(np.array(couplings.parameter(member.parameter).d), member.axis, 0)
        every = [place for places in member.where for place in places]
        gone = [place for channel in channels for place in member.where[channel]]
        own = values[every]
        left = np.where(np.isin(every, gone).reshape(-1, *[1] * (own.ndim - 1)), 0, own)
        signal.append(own.ravel())
        rest.append(left.ravel())
    return signal_to_noise(np.concatenate(signal), np.concatenate(rest)) if signal else None
