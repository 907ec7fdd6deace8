# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whole channels removed, the least important ones, so that what is left is a smaller network.

How many go is said as a fraction of each layer's channels, or as what may be left: of the
operations, of the parameters, or in bytes. Channels that can only go together count as one; the
last one of a layer stays.

H. Li et al., Pruning filters for efficient ConvNets, arXiv:1608.08710; G. Fang et al., DepGraph:
towards any structural pruning, arXiv:2301.12900.
"""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Dict, List, Literal, Mapping, Optional, Sequence, Union

import numpy as np
from pydantic import Field, model_validator

from nnabla_compress.analysis.couplings import Couplings, Group
from nnabla_compress.errors import ConfigError, DataError, InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import with_batch_statistics
from nnabla_compress.quantizers.masks import count_of, largest
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.transforms.amounts import (
    Fractions,
    fractions_of,
    matching,
    refuse_unknown,
    require_fractions,
)
from nnabla_compress.transforms.by_importance import ByImportance
from nnabla_compress.transforms.check_removal import check_removal
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.reconstruct import reconstruct
from nnabla_compress.transforms.remove_channels import (
    ChannelCosts,
    costs_after,
    without_channels,
)
from nnabla_compress.transforms.transform import (
    Context,
    Decisions,
    Transform,
    register_transform,
)

_AMOUNTS = ("filters", "macs", "parameters", "bytes")
_FLOAT_BYTES = 4
Removed = Dict[str, List[int]]


@register_transform("prune_channels")
class PruneChannels(ByImportance):
    """Removes the least important channels; the network becomes a smaller one.

    Give one of ``filters``, ``macs``, ``parameters``, ``bytes``. Of n channels that a fraction is
    said of, ``floor(filters n)`` go; a budget takes as few channels as meet it.

    Args:
        filters: Fraction of the channels that go, 0 to below 1, or fractions by pattern of layers'
            names, such as ``{"*": 0.5, "conv1*": 0.25}``.
        macs: The part of the multiply-accumulate operations that may be left, above 0 to below 1.
        parameters: The part of the parameters that may be left, likewise.
        bytes: What the parameters may take as floats: bytes, or text such as ``70 kB``.
        importance: What channels are ranked by, such as ``l1``, ``{taylor: {samples: 512}}``.
        across: ``layers``: the same fraction of each layer; ``network``: one ranking of all
            channels, the numbers of each layer divided by their mean where the importance does not
            compare layers; ``savings``: likewise, of the importance for each operation, or
            parameter where the budget is of these, that goes with a channel.
        layers: A pattern of names, as a shell matches files, or several: layers that lose channels.
        residual: Whether channels that additions join, such as those between residual blocks, may
            go, too: from all layers that make them.
        reconstruct: Training samples on which all layers behind are refitted by least squares, to
            give what they gave before; 0: weights stay as they are.
    """

    holds: ClassVar[bool] = True
    fits: ClassVar[bool] = True

    filters: Optional[Fractions] = None
    macs: Optional[float] = None
    parameters: Optional[float] = None
    bytes: Optional[Union[float, str]] = None
    across: Literal["layers", "network", "savings"] = "layers"
    layers: Union[str, List[str]] = "*"
    residual: bool = False
    reconstruct: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_amount(self) -> PruneChannels:
        given = [name for name in _AMOUNTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigError(
                f"{' and '.join(given)} both say how many channels go."
                if given
                else "nothing is to be pruned.",
                help="give one of filters: 0.5, macs: 0.5, parameters: 0.5, bytes: 70 kB",
            )
        if self.filters is not None:
            require_fractions("filters", self.filters)
        for name in ("macs", "parameters"):
            part = getattr(self, name)
            if part is not None and not 0 < part < 1:
                raise ConfigError(
                    f"{name} is {part:g}, it is the part that may be left.",
                    help="choose above 0 to below 1, such as 0.5",
                )
        if self.bytes is not None:
            parse_size(self.bytes, "bytes")
        return self

    @property
    def sets_values(self) -> bool:
        """Whether layers are refitted, which the decisions don't tell."""
        return self.reconstruct > 0

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data, None if it does not."""
        refits = "reconstruct refits layers on samples" if self.reconstruct else None
        return super().need_of_data() or refits

    @property
    def rehearsed(self) -> Transform:
        """The same without a pass over data."""
        return super().rehearsed.model_copy(update={"reconstruct": 0})

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the channels of each group that go, and what the network costs before and after.

        Raises:
            ConfigError: If a pattern of names matches nothing that can go, or the importance ranks
                nothing.
            InfeasibleBudgetError: If a budget can't be met, with the least that can be reached.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        couplings = Couplings(network)
        groups = self._chosen(couplings.groups)
        inferring = network.giving(with_batch_statistics(network.all_outputs, False))
        scores = self.importance.scores(inferring, list(groups.values()), context)
        refuse_unknown("prune_channels", self.importance.name, scores)
        before = costs_after(couplings, {})
        remove = _without_empty(self._removed(couplings, groups, scores, before))
        after = costs_after(couplings, remove)
        return {
            "remove": remove,
            "channels": [sum(group.size for group in groups.values()), _count(remove)],
            "macs": [before.macs, after.macs],
            "parameters": [before.parameters, after.parameters],
        }

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns how many channels go, and what is left of the costs."""
        every, gone = decisions["channels"]
        left = {
            key: decisions[key][1] / max(decisions[key][0], 1) for key in ("macs", "parameters")
        }
        return (
            f"prune_channels: {gone} of {every} channels go; of the operations "
            f"{left['macs']:.1%} are left, of the parameters {left['parameters']:.1%}"
        )

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the smaller network; its parameters take the places of the old ones."""
        return without_channels(network, decisions["remove"])

    def fit(
        self, given: Network, made: Network, decisions: Mapping[str, Any], context: Context
    ) -> None:
        """Refits the layers behind to what they gave, once the network is proved.

        Raises:
            DataError: If there are no samples, or they don't fit the network.
            VerifyError: As of :meth:`prove`.
        """
        if not self.reconstruct:
            return
        samples = context.samples(self.reconstruct)
        if samples is None:
            raise DataError(
                f"{self.need_of_data()}, and there are no data.", help="add data, or leave it out"
            )
        check_removal(given, made, decisions["remove"])
        reconstruct(given, made, decisions["remove"], samples, context.seed)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares with the given network, all that belongs to the channels at zero."""
        if not self.reconstruct:  # what was refitted was compared before
            check_removal(given, made, decisions["remove"])

    def _chosen(self, every: Sequence[Group]) -> Dict[str, Group]:
        """The groups that may lose channels, by name."""
        able = {g.name: g for g in every if g.kept is None and (g.inner or self.residual)}
        for group in every:
            if (
                isinstance(self.layers, str)
                and self.layers == group.name
                and group.name not in able
            ):
                raise ConfigError(
                    f"prune_channels: no channel of {group.name} goes: {_why_not(group)}.",
                    help=f"choose others of {', '.join(able) or 'another network'}",
                )
        if not able:
            reasons = "; ".join(f"{group.name}: {_why_not(group)}" for group in every[:3])
            raise ConfigError(
                f"prune_channels: no channels can go: {reasons or 'there are no layers'}.",
                help="prune single weights: prune_weights",
            )
        return {name: able[name] for name in matching("prune_channels", self.layers, list(able))}

    def _removed(
        self,
        couplings: Couplings,
        groups: Mapping[str, Group],
        scores: Mapping[str, np.ndarray],
        before: ChannelCosts,
    ) -> Removed:
        if self.filters is not None:
            return self._by_fraction(couplings, scores, before)
        choices = self._choices(couplings, scores, before)
        limit, cost = self._budget(before)
        if cost(costs_after(couplings, choices(choices.last))) > limit:
            raise self._infeasible(couplings, groups, choices(choices.last), limit, cost)
        low, high = -1, choices.last  # nothing is known of low, high meets the budget
        while high - low > 1:
            middle = (low + high) // 2
            if cost(costs_after(couplings, choices(middle))) <= limit:
                high = middle
            else:
                low = middle
        return choices(high)

    def _by_fraction(
        self, couplings: Couplings, scores: Mapping[str, np.ndarray], before: ChannelCosts
    ) -> Removed:
        assert self.filters is not None
        if self.across != "layers" and not isinstance(self.filters, Mapping):
            total = sum(values.size for values in scores.values())
            choices = self._choices(couplings, scores, before)
            return choices(min(count_of(self.filters, total), choices.last))
        fractions = fractions_of("filters", self.filters, list(scores))
        return {
            name: _lowest(values, count_of(fractions[name], values.size))
            for name, values in scores.items()
        }

    def _choices(
        self, couplings: Couplings, scores: Mapping[str, np.ndarray], before: ChannelCosts
    ) -> _Choices:
        if self.across == "layers":
            return _SameFraction(scores)
        compared = self._compared(scores)
        if self.across == "savings":
            cost = self._budget(before)[1]
            for name in compared:
                saved = cost(before) - cost(costs_after(couplings, {name: [0]}))
                compared[name] = compared[name] / max(saved, 1)
        return _OneRanking(compared)

    def _compared(self, scores: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if self.importance.comparable:
            return dict(scores)
        return {name: values / (np.abs(values).mean() or 1) for name, values in scores.items()}

    def _budget(self, before: ChannelCosts) -> Any:
        if self.parameters is not None:
            return self.parameters * before.parameters, lambda costs: costs.parameters
        if self.bytes is None:
            return (self.macs or 0.0) * before.macs, lambda costs: costs.macs
        return parse_size(self.bytes, "bytes"), lambda costs: _FLOAT_BYTES * costs.parameters

    def _infeasible(
        self,
        couplings: Couplings,
        groups: Mapping[str, Group],
        least: Removed,
        limit: float,
        cost: Callable[[ChannelCosts], float],
    ) -> InfeasibleBudgetError:
        whole, reached = cost(costs_after(couplings, {})), cost(costs_after(couplings, least))
        if self.bytes is None:
            what = "operations" if self.macs is not None else "parameters"
            asked = f"{limit / whole:.3g} of the {what}"
            found = f"{reached / whole:.3g}"
        else:
            asked, found = f"parameters of {size_text(limit)}", size_text(reached)
        others = [g for g in couplings.groups if g.name not in groups and g.size > 1]
        holds = max(others, key=lambda g: _entries_of(couplings, g), default=None)
        why = f"; most is held by {holds.name}: {_why_not(holds)}" if holds is not None else ""
        help = "ask for more than that"
        if not self.residual and any(g.kept is None and not g.inner for g in others):
            help += ", or let channels between residual blocks go: residual: true"
        elif holds is not None and holds.kept is None:
            help += ", or choose more layers"
        return InfeasibleBudgetError(
            f"prune_channels: at most {asked} requested, the least that can be reached is {found}, "
            f"with one channel left in each of {len(groups)} groups{why}.",
            help=help,
        )


class _Choices:
    """Channels that go, more and more of them: a call with a number from 0 to ``last``."""

    last: int

    def __call__(self, number: int) -> Removed:
        raise NotImplementedError


class _SameFraction(_Choices):
    """The same fraction of each layer, all but the last channel at most."""

    def __init__(self, scores: Mapping[str, np.ndarray]) -> None:
        self._scores = scores
        sizes = {values.size for values in scores.values()}
        self._fractions = sorted({k / size for size in sizes for k in range(size)})
        self.last = len(self._fractions) - 1

    def __call__(self, number: int) -> Removed:
        fraction = self._fractions[number]
        return {
            name: _lowest(values, min(count_of(fraction, values.size), values.size - 1))
            for name, values in self._scores.items()
        }


class _OneRanking(_Choices):
    """The least important channels of all layers, the most important one of each left out."""

    def __init__(self, scores: Mapping[str, np.ndarray]) -> None:
        ranked = []
        for name, values in scores.items():
            order = np.argsort(values, kind="stable")[: values.size - 1]
            ranked += [(float(values[channel]), name, int(channel)) for channel in order]
        self._names = list(scores)
        self._ranked = sorted(ranked, key=lambda each: each[0])
        self.last = len(ranked)

    def __call__(self, number: int) -> Removed:
        found: Removed = {name: [] for name in self._names}
        for _, name, channel in self._ranked[:number]:
            found[name].append(channel)
        return {name: sorted(channels) for name, channels in found.items()}


def _lowest(values: np.ndarray, count: int) -> List[int]:
    return [int(channel) for channel in np.flatnonzero(~largest(values, count))]


def _without_empty(remove: Removed) -> Removed:
    return {name: channels for name, channels in remove.items() if channels}


def _count(remove: Removed) -> int:
    return sum(len(channels) for channels in remove.values())


def _why_not(group: Group) -> str:
    if group.kept is not None:
        return group.kept
    if not group.inner:
        return f"additions join its channels with others of {', '.join(group.makers)}"
    return "it was not chosen"


def _entries_of(couplings: Couplings, group: Group) -> int:
    """Entries of parameters that would go with all of its channels."""
    return sum(
        int(np.prod(couplings.parameter(member.parameter).shape))
        for member in group.members
        if member.role in ("output", "input")
    )
