# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers as products of smaller ones: fewer weights, fewer operations."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Callable, ClassVar, Dict, List, Literal, Mapping, Optional, Tuple, Union

import numpy as np
from pydantic import Field, field_validator, model_validator

from nnabla_compress.analysis.costs import costs
from nnabla_compress.errors import ConfigError, FixedBatchError
from nnabla_compress.graph.network import Network
from nnabla_compress.progress import tracked
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.factors import FORMS, Form, Ranks
from nnabla_compress.transforms.factors.build import factorized, multiplied, replaced
from nnabla_compress.transforms.factors.ranks import (
    MACS,
    WEIGHTS,
    Plan,
    candidates,
    size_of,
    within,
    within_budget,
)
from nnabla_compress.transforms.factors.site import Site, sites
from nnabla_compress.transforms.faithful import FOLDED, check_faithful
from nnabla_compress.transforms.output_noise import OutputNoise
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.transform import (
    Alone,
    Context,
    Decisions,
    Transform,
    register_transform,
)

_FLOAT_BYTES = 4
_BUDGETS = ("macs", "parameters", "bytes")
_RULES = ("ranks", "energy", "ratio", "evbmf")
_HELP = "give one of ranks, energy, ratio and evbmf, or budgets of macs, parameters and bytes"


@register_transform("factorize")
class Factorize(Transform):
    """Puts two or three smaller layers in the place of one, of the ranks that are wanted.

    Affine layers and 1x1 convolutions get the product of two matrices, whatever the method. With
    samples, budgets are kept where the outputs change least; without, where the weights do. A layer
    of which no ranks would save anything stays as it is.

    Args:
        method: ``tucker``: 1x1, KxK, 1x1. ``spatial``: Kx1, 1xK. ``channel``: KxK, 1x1. ``cpd3``:
            1x1, one kernel a channel, 1x1. ``svd_convolution``: kernels of each input map, 1x1.
            ``svd``: affine layers and 1x1 convolutions only. Several: for each layer the best.
        layers: A pattern of names, as a shell matches files, or several.
        ranks: Ranks of all chosen layers, or by patterns of names; ``[inputs, outputs]`` where a
            method takes two.
        energy: The least ranks that keep this part of the weights' energy, above 0 to 1.
        ratio: Each layer takes at most this part of what it took.
        of: What ``ratio`` is of: ``macs`` or ``parameters``.
        evbmf: Ranks that stand out of noise, by empirical variational Bayes.
        rank_factor: What these are multiplied by; they are low for small networks.
        macs: Most operations of the whole network: a part of what it has, up to 1, or a number.
        parameters: Likewise its parameters.
        bytes: Likewise, its parameters as floats: bytes, or text such as ``200 kB``.
        samples: Samples that errors of outputs and responses are measured on; 0: weights only.
        responses: With samples: ``svd`` and ``channel`` are fitted to what layers respond.
    """

    short = "method"
    holds: ClassVar[bool] = True
    fits: ClassVar[bool] = True

    method: Union[str, List[str]] = "tucker"
    layers: Union[str, List[str]] = "*"
    ranks: Union[None, int, List[int], Dict[str, Union[int, List[int]]]] = None
    energy: Optional[float] = Field(default=None, gt=0, le=1)
    ratio: Optional[float] = Field(default=None, gt=0, lt=1)
    of: Literal["macs", "parameters"] = "macs"
    evbmf: bool = False
    rank_factor: float = Field(default=1.0, gt=0)
    macs: Optional[float] = Field(default=None, gt=0)
    parameters: Optional[float] = Field(default=None, gt=0)
    bytes: Union[None, float, str] = None
    samples: int = Field(default=64, ge=0)
    responses: bool = True

    @field_validator("method")
    @classmethod
    def _known(cls, method: Union[str, List[str]]) -> Union[str, List[str]]:
        for name in [method] if isinstance(method, str) else method:
            if name not in FORMS:
                raise ConfigError(f"unknown method {name!r}.", help=did_you_mean(name, list(FORMS)))
        if not method:
            raise ConfigError("no method is given.", help="for instance tucker")
        return method

    @model_validator(mode="after")
    def _one_rule(self) -> Factorize:
        given = [name for name in _RULES if getattr(self, name) not in (None, False)]
        budgets = [name for name in _BUDGETS if getattr(self, name) is not None]
        if len(given) > 1 or given and budgets:
            raise ConfigError(f"{' and '.join([*given, *budgets])} exclude each other.", help=_HELP)
        if not given and not budgets:
            raise ConfigError("nothing says which ranks.", help=_HELP)
        if self.bytes is not None and parse_size(self.bytes, "bytes") <= 0:
            raise ConfigError(f"bytes is {self.bytes!r}.", help="give a size such as 200 kB")
        return self

    @property
    def sets_values(self) -> bool:
        """Whether weights come from responses, which the decisions don't tell."""
        return self.responses and self.samples > 0

    @property
    def rehearsed(self) -> Transform:
        """One that looks at no values: of the untrained network they tell nothing."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        if self.energy is not None or self.evbmf:
            given.update(energy=None, evbmf=False, ratio=0.5)
        return _Rehearsed(**{**given, "samples": 0})

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the method and the ranks of each layer, why others stay, and the sizes.

        Raises:
            ConfigError: If a pattern matches no layer, ranks are out of range, or nothing can be
                factorized.
            InfeasibleBudgetError: If no ranks keep the budgets; with the least reachable.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        outputs = network.all_outputs
        refuse_codes(outputs)
        found = sites(outputs)
        chosen, kept = self._chosen(found)
        noise = self._noise(network, context)
        try:
            plans = self._plans(network, chosen, kept, noise, context)
        finally:
            if noise is not None:
                noise.close()
        for site in chosen:
            if site.name not in plans:
                kept.setdefault(site.name, "the best choice within the budget leaves it dense")
        if not plans:
            said = "; ".join(f"{name}: {why}" for name, why in list(kept.items())[:3])
            raise ConfigError(
                f"factorize: no layer would get smaller ({said}).",
                help="choose other layers, other methods, or lower ranks",
            )
        _tell(kept, context)
        before = costs(outputs, inputs=network.all_inputs or None)
        saved = [0, 0]
        for site in chosen:
            plan = plans.get(site.name)
            for place in (MACS, WEIGHTS) if plan is not None else ():
                assert plan is not None
                saved[place] += size_of(site, place) - plan.size(place)
        macs, parameters = before.macs - saved[MACS], before.parameters - saved[WEIGHTS]
        return {
            "layers": {name: plan.said for name, plan in plans.items()},
            "kept": kept,
            "macs": [before.macs, macs],
            "parameters": [before.parameters, parameters],
        }

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns what the network had and has of operations and of parameters."""
        (macs, less), (parameters, fewer) = decisions["macs"], decisions["parameters"]
        return (
            f"factorize: operations {macs:,} -> {_part(less, macs)}, parameters {parameters:,} -> "
            f"{_part(fewer, parameters)}"
        )

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the factorized network; the new parameters take the places of the old ones."""
        before = network.parameters
        made = factorized(network.all_outputs, decisions["layers"], self._values)
        gone = set(before) - set(network.parameters)
        network.paths.update({before[path].data: path for path in gone})  # the given graph keeps it
        return network.giving(made)

    def fit(
        self, given: Network, made: Network, decisions: Mapping[str, Any], context: Context
    ) -> None:
        """Fits the methods that can be to the layers' responses on samples."""
        noise = self._noise(given, context) if self.sets_values else None
        if noise is None:
            return
        for site, form, ranks, weights in replaced(given, made, decisions["layers"]):
            if not form.from_responses:
                continue
            moments = noise.moments(site.weight, site.kernel.groups)
            values = form.factors(np.array(site.weight.d), site.kernel, ranks, moments)
            for weight, factor in zip(weights, values):
                weight.d = factor
        noise.close()

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares the network with the given one, weights replaced by the factors' products."""
        inputs = given.all_inputs or None
        dense = multiplied(given, made, decisions["layers"])
        check_faithful(dense, made.all_outputs, inputs, inputs, FOLDED)

    def _values(self, site: Site, form: Form, ranks: Ranks) -> List[np.ndarray]:
        """The weights of the layers that take a layer's place."""
        return form.factors(np.array(site.weight.d), site.kernel, ranks)

    def _missing(self, site: Site, form: Form) -> Callable[[Ranks], float]:
        """What ranks of a form leave out of a layer's weight."""
        return form.missing(np.array(site.weight.d), site.kernel)

    def _forms(self) -> List[Form]:
        names = [self.method] if isinstance(self.method, str) else list(self.method)
        # What all methods come to where each output reads one position.
        return [FORMS[name] for name in dict.fromkeys([*names, "svd"])]

    def _chosen(self, found: List[Site]) -> Tuple[List[Site], Dict[str, str]]:
        """The layers that can be factorized, and why others that are meant can't."""
        patterns = [self.layers] if isinstance(self.layers, str) else self.layers
        names = [site.name for site in found]
        for pattern in [*patterns, *(self.ranks if isinstance(self.ranks, dict) else ())]:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ConfigError(
                    f"factorize: no layer matches {pattern!r}.",
                    help=did_you_mean(pattern.strip("*"), names),
                )
        chosen: List[Site] = []
        kept: Dict[str, str] = {}
        for site in found:
            if not any(fnmatchcase(site.name, pattern) for pattern in patterns):
                continue
            why = site.obstacle
            if why is None and not site.form_of(self._forms())[0]:
                why = site.form_of(self._forms())[1]
            if why is None:
                chosen.append(site)
            else:
                kept[site.name] = why
        return chosen, kept

    def _noise(self, network: Network, context: Context) -> Optional[OutputNoise]:
        arrays = context.samples(self.samples) if self.samples else None
        if arrays is None:
            return None
        try:
            return OutputNoise(network, arrays)
        except FixedBatchError as error:
            context.tell(f"factorize: errors of weights are taken, not of outputs: {error.message}")
            return None

    def _plans(
        self,
        network: Network,
        chosen: List[Site],
        kept: Dict[str, str],
        noise: Optional[OutputNoise],
        context: Context,
    ) -> Dict[str, Plan]:
        if self.ranks is not None:
            return self._of_ranks(chosen, kept, context)
        if self.energy is None and self.ratio is None and not self.evbmf:
            return self._of_budgets(network, chosen, kept, noise)
        resource = MACS if self.of == "macs" else WEIGHTS
        found: Dict[str, Plan] = {}
        for site in tracked("factorize", chosen, len(chosen)):
            forms = site.form_of(self._forms())[0]
            plans = [plan for form in forms for plan in self._by_rule(site, form)]
            smaller = [plan for plan in plans if plan.size(resource) < size_of(site, resource)]
            if smaller:
                found[site.name] = min(smaller, key=lambda plan: (plan.error, plan.size(resource)))
            else:
                kept[site.name] = f"its ranks would save no {_WORDS[resource]}"
        return found

    def _by_rule(self, site: Site, form: Form) -> List[Plan]:
        """The plan of one layer by the rule for each; none where no rank keeps it."""
        weight = np.array(site.weight.d)
        if self.energy is not None:
            return [Plan.of(site, form, form.of_energy(weight, site.kernel, self.energy))]
        if self.evbmf:
            return [Plan.of(site, form, form.of_noise(weight, site.kernel, self.rank_factor))]
        assert self.ratio is not None
        resource = MACS if self.of == "macs" else WEIGHTS
        missing = self._missing(site, form)
        ranks = within(site, form, missing, resource, self.ratio * size_of(site, resource))
        return [] if ranks is None else [Plan.of(site, form, ranks, missing(ranks))]

    def _of_ranks(
        self, chosen: List[Site], kept: Dict[str, str], context: Context
    ) -> Dict[str, Plan]:
        """The plans of ranks that are given; those that save nothing are wanted, too."""
        found: Dict[str, Plan] = {}
        for site in chosen:
            given = self.ranks
            if isinstance(given, dict):
                given = next((r for p, r in given.items() if fnmatchcase(site.name, p)), None)
            if given is None:
                kept[site.name] = "no ranks are given for it"
                continue
            form = site.form_of(self._forms())[0][0]
            ranks = _as_ranks(given, form, site)
            form.check(site.kernel, ranks, site.name)
            found[site.name] = plan = Plan.of(site, form, ranks)
            if plan.macs >= site.macs and plan.weights >= site.weights:
                context.tell(
                    f"factorize: {form.name} of {site.name} with rank {_shown(ranks)} saves "
                    f"nothing: {plan.weights:,} weights for {site.weights:,}; "
                    f"{_largest(site, form)}"
                )
        return found

    def _of_budgets(
        self,
        network: Network,
        chosen: List[Site],
        kept: Dict[str, str],
        noise: Optional[OutputNoise],
    ) -> Dict[str, Plan]:
        """The plans of least error for all layers together."""
        outputs = network.all_outputs
        total = costs(outputs, inputs=network.all_inputs or None)
        budgets = self._budgets(total.macs, total.parameters)
        resource = min(budgets)
        plans: Dict[str, List[Plan]] = {}
        for site in tracked("factorize", chosen, len(chosen)):
            found = candidates(site, site.form_of(self._forms())[0], self._missing, resource)
            if not found:
                kept[site.name] = f"no rank saves {_WORDS[resource]}"
            plans[site.name] = self._with_errors(site, found, noise)
        whole = {site.name: (site.macs, site.weights) for site in chosen}
        rest = (
            total.macs - sum(macs for macs, _ in whole.values()),
            total.parameters - sum(weights for _, weights in whole.values()),
        )
        taken = within_budget(plans, whole, budgets, rest)
        return {name: plan for name, plan in taken.items() if plan is not None}

    def _with_errors(
        self, site: Site, plans: List[Plan], noise: Optional[OutputNoise]
    ) -> List[Plan]:
        """Plans with their errors: of the outputs where there are samples, else of the weights."""
        weight, kernel = np.array(site.weight.d), site.kernel
        if noise is None:
            of_form = {plan.form: self._missing(site, plan.form) for plan in plans}
            errors = [of_form[plan.form](plan.ranks) for plan in plans]
        else:
            fitted = any(plan.form.from_responses for plan in plans) and self.responses
            moments = noise.moments(site.weight, kernel.groups) if fitted else None
            with noise.replacing(site.weight) as measure:
                errors = []
                for plan in plans:
                    own = moments if plan.form.from_responses else None
                    factors = plan.form.factors(weight, kernel, plan.ranks, own)
                    errors.append(measure(plan.form.product(factors, kernel)))
        return [Plan.of(site, p.form, p.ranks, error) for p, error in zip(plans, errors)]

    def _budgets(
        self, macs: int, parameters: int
    ) -> Dict[int, Tuple[int, str, Callable[[int], str]]]:
        """The most of operations and of weights, by place of the size."""
        found: Dict[int, Tuple[int, str, Callable[[int], str]]] = {}
        if self.macs is not None:
            found[MACS] = _most(self.macs, macs), "operations", lambda n: _part(n, macs)
        if self.parameters is not None:
            most = _most(self.parameters, parameters)
            found[WEIGHTS] = most, "parameters", lambda n: _part(n, parameters)
        if self.bytes is not None:
            most = int(parse_size(self.bytes, "bytes") // _FLOAT_BYTES)
            if WEIGHTS not in found or most < found[WEIGHTS][0]:
                found[WEIGHTS] = most, "bytes", lambda n: size_text(_FLOAT_BYTES * n)
        return found


class _Rehearsed(Factorize):
    """A factorization of a network whose values tell nothing yet."""

    def decide(self, network: Network, context: Context) -> Decisions:
        """Refuses what can't be done; what it finds is not worth telling."""
        return super().decide(network, Alone())

    def _missing(self, site: Site, form: Form) -> Callable[[Ranks], float]:
        largest = form.largest(site.kernel)
        return lambda ranks: 1 - min(rank / most for rank, most in zip(ranks, largest))

    def _values(self, site: Site, form: Form, ranks: Ranks) -> List[np.ndarray]:
        rng = np.random.RandomState(0)
        return [rng.randn(*piece.shape) for piece in form.pieces(site.kernel, ranks)]


_WORDS = {MACS: "operations", WEIGHTS: "weights"}


def _tell(kept: Mapping[str, str], context: Context) -> None:
    """Says which layers stay as they are, those of one reason together."""
    by_reason: Dict[str, List[str]] = {}
    for name, why in kept.items():
        by_reason.setdefault(why, []).append(name)
    for why, names in by_reason.items():
        stay = "stays as it is" if len(names) == 1 else "stay as they are"
        context.tell(f"factorize: {', '.join(names)} {stay}: {why}")


def _as_ranks(given: Union[int, List[int]], form: Form, site: Site) -> Ranks:
    if isinstance(given, list):
        return tuple(given)
    largest = form.largest(site.kernel)
    if given > max(largest):
        return (given,) * len(largest)  # which is refused
    return tuple(min(given, most) for most in largest)


def _largest(site: Site, form: Form) -> str:
    """Up to which rank a form saves weights."""
    ranks = within(site, form, sum, WEIGHTS, site.weights - 1)
    return "no rank does" if ranks is None else f"up to rank {_shown(ranks)} it does"


def _shown(ranks: Ranks) -> str:
    return " and ".join(map(str, ranks))


def _most(asked: float, whole: int) -> int:
    return int(asked * whole) if asked <= 1 else int(asked)


def _part(size: int, whole: int) -> str:
    return f"{size:,} ({100 * size / max(1, whole):.1f} %)"
