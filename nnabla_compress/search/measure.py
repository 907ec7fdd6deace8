# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much a network suffers from each of many changes, without any training."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn

from nnabla_compress.analysis.costs import costs
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.files import json_text
from nnabla_compress.progress import counted
from nnabla_compress.recipes import Recipe
from nnabla_compress.search.changes import (
    Change,
    Found,
    bit_changes,
    channel_changes,
    rank_changes,
)
from nnabla_compress.search.scoring import ScoredNetwork, Scores, rule_of
from nnabla_compress.search.sensitivity import (
    ACTIVATIONS,
    CHANNELS,
    RANKS,
    WEIGHTS,
    Sensitivities,
    Sensitivity,
)
from nnabla_compress.search.shares import Shares
from nnabla_compress.search.smaller import Smaller
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.workers import Failed, Workers, done
from nnabla_compress.workers import workers as workers_of

Progress = Callable[[int, int], None]


_NONE, _AS_IT_IS = Shares(), Smaller()


@one_at_a_time
def measure(
    recipe: Recipe,
    folder: Path,
    bits: Sequence[int] = (2, 3, 4, 8),
    quantizer: Optional[str] = "lut",
    samples: int = 256,
    workers: Optional[Workers] = None,
    progress: Optional[Progress] = None,
    activations: Optional[str] = None,
    shares: Shares = _NONE,
) -> Sensitivities:
    """Changes one thing at a time and scores the network.

    A layer's bias is quantized with its weights where a recipe's rule would do so, and the range
    of an activation comes from one batch of training samples, if there are any. Channels and
    layers are removed and factorized in truth; all else stays float then.

    Args:
        recipe: Names the network, the data and the preprocessing.
        folder: Where its relative paths start.
        bits: Bit widths; none to quantize nothing.
        quantizer: Rule for weights without bits, such as "lut" or "lut:dictionary=pow2"; None to
            leave weights alone.
        samples: How many samples to score on, drawn with the recipe's seed.
        workers: Who measures; None: this process. The results don't depend on it.
        progress: Called with what is done and the total after each evaluation.
        activations: Rule for activations without bits, such as "uniform"; None to leave them
            alone.
        shares: How much smaller groups of channels and layers are made.

    Returns:
        The changes.

    Raises:
        ConfigError: If a quantizer, the bits, a share, the importance or the method are wrong,
            nothing meets a rule, or no channels can go.
        DataError: If there is no data.
    """
    smaller = bool(shares.channels or shares.ranks)
    if not (bits or smaller) or samples < 1:
        raise ConfigError("bits and samples must be at least 1.", help="for instance 4")
    rules = {WEIGHTS: quantizer, ACTIVATIONS: activations}
    given = {kind: rule for kind, rule in rules.items() if rule is not None and bits}
    if not (given or smaller):
        raise ConfigError("neither weights nor activations are quantized.", help="add a quantizer")
    widths = sorted(set(bits))
    for rule in given.values():
        for width in widths:
            rule_of(rule, width)
    arguments = (json_text(recipe.model_dump(mode="json")), str(folder), samples)
    with nn.parameter_scope("", {}):  # the caller's parameters stay as they are
        network = _network_of(*arguments)
        kinds = {"bits": bit_changes(network, given, widths)}
        if shares.channels:
            kinds[CHANNELS] = channel_changes(network, shares.ranking(), shares.channels)
        if shares.ranks:
            kinds[RANKS] = rank_changes(network, shares.methods, shares.ranks)
        rows = _measured(kinds, network, workers or workers_of(), _Measuring(*arguments), progress)
        scores, count = network.float_scores, len(network.split)
        whole = costs([network.output], inputs=network.network.all_inputs)
    return Sensitivities(
        given,
        count,
        scores.loss,
        scores.accuracy,
        recipe.model_dump(mode="json"),
        str(folder.resolve()),
        rows,
        shares.how,
        {kind: found.kept for kind, found in kinds.items() if found.kept},
        whole.parameters,
        whole.macs,
    )


def _measured(
    kinds: Mapping[str, Found],
    network: ScoredNetwork,
    workers: Workers,
    elsewhere: Callable[[Change], Sensitivity],
    progress: Optional[Progress],
) -> Tuple[Sensitivity, ...]:
    changes = [change for found in kinds.values() for change in found.changes]
    made = 0
    with counted("sensitivity", len(changes)) as at:

        def note(number: int, row: Union[Sensitivity, Failed]) -> None:
            nonlocal made
            done([row])  # what fails ends it
            made += 1
            at(made)
            if progress is not None:
                progress(made, len(changes))

        def here(change: Change) -> Sensitivity:
            return change.measure(network)

        return tuple(done(workers.map(here if workers.here else elsewhere, changes, note)))


def scored_network(found: Sensitivities) -> ScoredNetwork:
    """Loads the network and the data of sensitivities again, into the current parameter scope.

    Args:
        found: What was measured.

    Raises:
        CompressError: If the network or the data can't be loaded any more.
    """
    try:
        recipe = Recipe.checked(found.recipe)
    except CompressError as error:
        raise DataError(
            f"the sensitivities name no network: {error.message}", help="measure them again"
        ) from None
    return ScoredNetwork(recipe, Path(found.folder), found.samples)


@one_at_a_time
def measure_together(
    found: Sensitivities, bits: Mapping[str, Mapping[str, int]], smaller: Smaller = _AS_IT_IS
) -> Scores:
    """Scores the network with all changes at once.

    Args:
        found: What was measured; its network and data are loaded again.
        bits: Bits by kind of tensor and by name; tensors that are not named stay float.
        smaller: What makes the network smaller before it is quantized; tensors have the names of
            the smaller network.

    Returns:
        The scores on the same samples.

    Raises:
        CompressError: If the network or the data can't be loaded any more.
    """
    rules = {
        kind: {name: rule_of(found.quantizers[kind], width) for name, width in chosen.items()}
        for kind, chosen in bits.items()
    }
    with nn.parameter_scope("", {}):
        network = scored_network(found)
        return network.score(rules.get(WEIGHTS, {}), rules.get(ACTIVATIONS, {}), smaller).scores


def _network_of(recipe: str, folder: str, samples: int) -> ScoredNetwork:
    return ScoredNetwork(Recipe.checked(json.loads(recipe)), Path(folder), samples)


_kept_network_of = functools.lru_cache(maxsize=1)(_network_of)


@dataclass(frozen=True)
class _Measuring:
    """What a worker does, with a network of its own."""

    recipe: str
    folder: str
    samples: int

    def __call__(self, change: Change) -> Sensitivity:
        return change.measure(_kept_network_of(self.recipe, self.folder, self.samples))
