# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What was chosen, done to the network, and as a recipe that does it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import activations, layers
from nnabla_compress.errors import DataError, InfeasibleBudgetError
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.recipes import Recipe
from nnabla_compress.search.assign import Assigned, Budgets, Sizes, assign, reachable_sizes
from nnabla_compress.search.assign_bits import assign_bits, budget_text, reachable
from nnabla_compress.search.choices import KINDS, RESOURCES, Key, choices_of, recipe_rules
from nnabla_compress.search.measure import scored_network
from nnabla_compress.search.problem import Problem
from nnabla_compress.search.scoring import ScoredNetwork, Scores, rule_of
from nnabla_compress.search.sensitivity import (
    ACTIVATIONS,
    FLOAT_BITS,
    WEIGHTS,
    Sensitivities,
)
from nnabla_compress.search.smaller import parameters_aside
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class CarriedOut:
    """A network that was made as was chosen.

    Args:
        bits: Bits by kind and name of its tensors: layers that took the place of others have their
            own names, as have maps behind them.
        sizes: What it takes of each resource.
    """

    bits: Dict[Key, int]
    sizes: Sizes


@dataclass(frozen=True)
class Outcome:
    """What was chosen, and what came of it.

    Args:
        chosen: The choice.
        made: The network.
        reachable: The least and the largest size of each resource asked for.
        corrected: Budgets of the sums where those asked for would have led to a network that takes
            more, by name.
        scores: Scores of the network, None if it was not scored.
    """

    chosen: Assigned
    made: CarriedOut
    reachable: Dict[str, Tuple[int, int]]
    corrected: Dict[str, int]
    scores: Optional[Scores] = None


@one_at_a_time
def carry_out(
    found: Sensitivities,
    budgets: Budgets,
    by: str = "snr",
    limits: Mapping[str, int] = {},
    largest_activation: Optional[int] = None,
    score: bool = True,
    trained: bool = False,
) -> Outcome:
    """Chooses bits, channels and ranks under budgets that the network keeps once it is built.

    Where a network that was built takes more than the sizes of its tensors added up, a budget is
    corrected by the difference, and all is chosen again.

    Args:
        found: What was measured; its network and data are loaded again.
        budgets: By name: which of the sizes it is for, and the most it may be in total.
        by: As of :func:`~nnabla_compress.search.choices.choices_of`, like ``limits``.
        limits: Likewise.
        largest_activation: Bits that no activation of one sample may exceed.
        score: Whether the network is scored.
        trained: Whether it is to be trained later, which is refused of data that can't be.

    Raises:
        InfeasibleBudgetError: If nothing meets the budgets; with the least reachable.
        DataError: If there are no samples to train on.
        CompressError: If the network or the data can't be loaded any more.
    """
    with nn.parameter_scope("", {}):
        network = scored_network(found)
        _refuse_untrainable(network, trained)
        problem = Problem(found, network.network, by, limits, largest_activation)
        reachable = {name: reachable_sizes(problem, place) for name, (place, _) in budgets.items()}
        builder = Builder(found, network)
        corrected: Dict[str, Tuple[int, int]] = dict(budgets)
        while True:
            chosen = _chosen(problem, budgets, corrected)
            made = builder.build(chosen)
            over = {n: made.sizes[n] - most for n, (_, most) in budgets.items()}
            if all(difference <= 0 for difference in over.values()):
                break
            for name, difference in over.items():
                place, most = corrected[name]
                corrected[name] = (place, most - max(0, difference))
        scores = builder.score(chosen, made) if score else None
    if "bops" not in budgets:
        del made.sizes["bops"]
    changed = {n: most for n, (_, most) in corrected.items() if most != budgets[n][1]}
    return Outcome(chosen, made, reachable, changed, scores)


def _chosen(problem: Problem, budgets: Budgets, corrected: Budgets) -> Assigned:
    try:
        return assign(problem, corrected)
    except InfeasibleBudgetError as error:
        if corrected == budgets:
            raise
        said = " and ".join(f"{n} of {budget_text(n, most)}" for n, (_, most) in budgets.items())
        raise InfeasibleBudgetError(
            f"the networks that should keep {said} take more once they are built; {error.message}",
            help="raise the budget by a little",
        ) from None


def only_bits(
    found: Sensitivities,
    budgets: Budgets,
    by: str = "snr",
    limits: Mapping[str, int] = {},
    largest_activation: Optional[int] = None,
    score: bool = True,
    trained: bool = False,
) -> Outcome:
    """Chooses bits alone, exactly; the network is loaded only to be scored.

    Args:
        found: What was measured: bits.
        budgets: As of :func:`carry_out`, like all that follows.
        by: Likewise.
        limits: Likewise.
        largest_activation: Likewise.
        score: Likewise.
        trained: Likewise.

    Raises:
        InfeasibleBudgetError: If no bits meet the budgets; with the least reachable.
    """
    choices = choices_of(found, by, limits, largest_activation)
    places = [n for n, of in KINDS.items() if of in found.quantizers]
    ranges = {name: reachable(choices, RESOURCES[name]) for name in places}
    best = assign_bits(choices, budgets)
    sizes = {
        name: sum(
            next(o.sizes[RESOURCES[name]] for o in choices[key] if o.bits == bits)
            for key, bits in best.bits.items()
        )
        for name in places
        if name != "bops" or name in budgets
    }
    chosen = Assigned(best.bits, {}, {}, best.cost, sizes, best.exact)
    outcome = Outcome(chosen, CarriedOut(best.bits, sizes), ranges, {})
    if not (score or trained):
        return outcome
    with nn.parameter_scope("", {}):
        network = scored_network(found)
        _refuse_untrainable(network, trained)
        scores = Builder(found, network).score(chosen, outcome.made) if score else None
    return replace(outcome, scores=scores)


def _refuse_untrainable(network: ScoredNetwork, trained: bool) -> None:
    if trained and not network.learns:
        raise DataError(
            "--epochs needs training samples, and the data that were measured on have none.",
            help="measure with data that have x_train and y_train, or leave --epochs out",
        )


class Builder:
    """Makes a network as was chosen.

    Args:
        found: What was measured.
        network: The network, its parameters in the current scope.
    """

    def __init__(self, found: Sensitivities, network: ScoredNetwork) -> None:
        self._found, self._network = found, network

    @one_at_a_time
    def build(self, chosen: Assigned) -> CarriedOut:
        """Makes the network and returns what it takes; it is not kept.

        Args:
            chosen: What was chosen.
        """
        network = self._network
        with parameters_aside():
            smaller = chosen.smaller.of(network.network)
            maps = activations(smaller.all_outputs)
            behind = dict(zip(network.activations, maps))
            bits: Dict[Key, int] = {}
            for (kind, name), width in chosen.bits.items():
                row = chosen.ranks.get(name)
                names = [name]
                if kind == ACTIVATIONS:
                    names = [behind[name].name]
                elif row is not None:
                    names = row.decided["layers"]
                bits.update(((kind, new), width) for new in names)
            output = network.quantized(
                smaller.output, self._rules(bits, WEIGHTS), self._rules(bits, ACTIVATIONS)
            )
            sizes = dict.fromkeys(("weights", "bops", "activations", "macs"), 0)
            for layer in layers([output]):
                width = bits.get((WEIGHTS, layer.name), FLOAT_BITS)
                if not layer.shared:
                    quantizer = None if layer.quantizer is None else quantizer_of(layer.quantizer)
                    sizes["weights"] += (
                        FLOAT_BITS * int(layer.weight.size)
                        if quantizer is None
                        else 8 * int(quantizer.encode(layer.quantizer).nbytes)
                    )
                sizes["macs"] += layer.macs
                sizes["bops"] += layer.macs * width
            for each in maps:
                width = bits.get((ACTIVATIONS, each.name), 0)
                sizes["activations"] += width * int(np.prod(each.shape, dtype=np.int64))
        return CarriedOut(bits, sizes)

    def score(self, chosen: Assigned, made: CarriedOut) -> Scores:
        """Scores the network with everything at once.

        Args:
            chosen: What was chosen.
            made: As from :meth:`build`.
        """
        weights, behind = self._rules(made.bits, WEIGHTS), self._rules(made.bits, ACTIVATIONS)
        return self._network.score(weights, behind, chosen.smaller).scores

    def _rules(self, bits: Mapping[Key, int], kind: str) -> Dict[str, Any]:
        quantizer = self._found.quantizers.get(kind)
        if quantizer is None:
            return {}
        return {name: rule_of(quantizer, n) for (of, name), n in bits.items() if of == kind}


def recipe_of(
    found: Sensitivities,
    chosen: Assigned,
    made: CarriedOut,
    name: str,
    epochs: Optional[float] = None,
) -> Dict[str, Any]:
    """Returns the recipe that makes a network as was chosen, from the same file with the same data.

    Args:
        found: What was measured.
        chosen: What was chosen.
        made: As from :meth:`Builder.build`.
        name: What the recipe is called.
        epochs: How long the network is trained in the end; None: not at all.

    Raises:
        ConfigError: If the name can't be a recipe's.
    """
    given = {key: found.recipe[key] for key in _KEPT if found.recipe.get(key)}
    content: Dict[str, Any] = {"name": name, "seed": found.recipe.get("seed", 0), **given}
    folder = Path(found.folder)
    content["model"] = _with_paths(content["model"], folder)
    content["data"] = _with_paths(content["data"], folder)
    steps = chosen.smaller.steps()
    if made.bits:
        steps.append({"quantize": dict(recipe_rules(found.quantizers, made.bits))})
    if epochs is not None:
        steps.append({"train": {"epochs": epochs}})
    content["steps"] = steps
    Recipe.checked(content, name)
    return content


_KEPT = ("model", "data", "preprocessing", "augmentation", "loss")
# Keys of these that name files and folders.
_PATHS = ("nnp", "parameters", "path", "train", "validation_file", "test")


def _with_paths(part: Mapping[str, Any], folder: Path) -> Dict[str, Any]:
    """A part of a recipe with its paths in full, so that the recipe may stand anywhere."""
    given = {key: value for key, value in part.items() if value not in (None, {})}
    for key in _PATHS:
        path = folder / str(given.get(key))
        if key in given and path.exists():
            given[key] = str(path)
    return given
