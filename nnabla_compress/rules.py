# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rules: which layers or activations a quantizer is for, by name, type, position and size."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Optional, Sequence, Type, Union

from pydantic import BaseModel, ConfigDict, model_validator

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

POSITIONS = ("first", "last")
# Keys of a rule that choose layers; they may be written among the options of the text form.
_CHOOSING = ("layers", "types", "position", "min_weights")


@dataclass(frozen=True)
class Candidate:
    """A layer or an activation as a rule sees it.

    Args:
        name: Its name, e.g. ``"conv1/conv"``.
        type: Type of its function, e.g. ``"Convolution"``.
        weights: Number of its weights; 0 for an activation.
    """

    name: str
    type: str = ""
    weights: int = 0


class QuantizerRule(BaseModel):
    """Layers or activations, and their quantizer; further keys are the quantizer's options.

    A layer must meet all conditions that are given. A rule may be written as text,
    ``[PATTERN=]QUANTIZER[:OPTION=VALUE,...]``, such as ``fc*=lut:bits=8``.

    Args:
        layers: A pattern of names, as a shell matches files, or several.
        types: A type of function such as ``Convolution``, or several.
        position: The first or the last of the layers that meet the other conditions.
        min_weights: Fewest weights of the layer.
        quantizer: The quantizer; ``none`` leaves the tensor as it is.
        bias: Whether the biases of the layers are quantized, too. Left out, only quantizers that
            learn step and range quantize them.

    Example:
        >>> rule = QuantizerRule(types="Affine", position="last", quantizer="lut", bits=8)
        >>> rule.choose([Candidate("a", "Affine"), Candidate("b", "Affine"), Candidate("c")])
        ['b']
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    layers: Union[str, List[str]] = "*"
    types: Optional[Union[str, List[str]]] = None
    position: Optional[str] = None
    min_weights: Optional[int] = None
    quantizer: str
    bias: Optional[bool] = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, content: Any) -> Any:
        return parse_rule(content) if isinstance(content, str) else content

    @model_validator(mode="after")
    def _known(self) -> QuantizerRule:
        if self.position is not None and self.position not in POSITIONS:
            raise ConfigError(
                f"position is {self.position!r}.", help=did_you_mean(self.position, POSITIONS)
            )
        if self.min_weights is not None and self.min_weights < 0:
            raise ConfigError(
                f"min_weights is {self.min_weights}, the least is 0.",
                help="leave it out",
            )
        self.make()
        return self

    def make(self, **defaults: Any) -> Optional[Q.Quantizer]:
        """Returns the quantizer, None for ``quantizer: none``.

        Args:
            defaults: Options that hold where the rule does not say, if the quantizer has them.
        """
        if self.quantizer == "none":
            if self.model_extra:
                raise ConfigError(
                    f"quantizer none has no option {next(iter(self.model_extra))!r}.",
                    help="leave it out, or name a quantizer",
                )
            return None
        known = quantizers()
        if self.quantizer not in known:
            raise ConfigError(
                f"unknown quantizer {self.quantizer!r}.",
                help=did_you_mean(self.quantizer, [*known, "none"]),
            )
        kind = known[self.quantizer]
        options = dict(self.model_extra or {})
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        for option in options:
            if option not in names:
                raise ConfigError(
                    f"quantizer {self.quantizer} has no option {option!r}.",
                    help=did_you_mean(option, names),
                )
        missing = inspect.signature(kind).parameters
        for name, parameter in missing.items():
            if parameter.default is inspect.Parameter.empty and name not in options:
                raise ConfigError(
                    f"quantizer {self.quantizer} needs {name!r}.", help=f"add {name}: ..."
                )
        given = {name: value for name, value in defaults.items() if name in names}
        return kind(**{**given, **options})

    def make_for_bias(self) -> Optional[Q.Quantizer]:
        """Returns the quantizer of the layers' biases, None if they stay float."""
        made = self.make()
        found = None if made is None else made.for_bias()
        if not (found is not None if self.bias is None else self.bias):
            return None
        if found is None:
            raise ConfigError(
                f"quantizer {self.quantizer} is for weights, not for biases.",
                help="leave bias out, or choose uniform or pow2",
            )
        return found

    def without_choice(self) -> Dict[str, Any]:
        """Returns the keys and values that say which quantizer, not for which layers.

        Example:
            >>> QuantizerRule(types="Affine", quantizer="lut", bits=8).without_choice()
            {'quantizer': 'lut', 'bits': 8}
        """
        said: Dict[str, Any] = {"quantizer": self.quantizer, **(self.model_extra or {})}
        return said if self.bias is None else {**said, "bias": self.bias}

    def matches(self, layer: Union[str, Candidate]) -> bool:
        """Whether a layer meets the conditions on its name, type and size."""
        candidate = Candidate(layer) if isinstance(layer, str) else layer
        if not any(fnmatchcase(candidate.name, pattern) for pattern in _as_list(self.layers)):
            return False
        if self.types is not None and candidate.type not in _as_list(self.types):
            return False
        return self.min_weights is None or candidate.weights >= self.min_weights

    def choose(self, candidates: Sequence[Candidate]) -> List[str]:
        """Returns the names of the layers that the rule is for, in the order given."""
        matched = [candidate.name for candidate in candidates if self.matches(candidate)]
        if self.position == "first":
            return matched[:1]
        return matched[-1:] if self.position == "last" else matched

    def describe(self) -> str:
        """Returns the conditions as a message names them, e.g. ``'fc*' of type 'Affine'``."""
        words = repr(self.layers)
        if self.types is not None:
            words += f" of type {self.types!r}"
        if self.min_weights is not None:
            words += f" with at least {self.min_weights:,} weights"
        return words


def parse_rule(text: str) -> Dict[str, Any]:
    """Returns the keys and values of a rule written as ``[PATTERN=]QUANTIZER[:OPTION=VALUE,...]``.

    Values are whole numbers, numbers, ``true``, ``false``, ``null`` or text. Several types or
    patterns are joined with ``+``.

    Args:
        text: The rule.

    Returns:
        What the YAML form of the rule holds.

    Raises:
        ConfigError: If the text is no rule. Unknown quantizers and options are found by
            :class:`QuantizerRule`.

    Example:
        >>> parse_rule("lut:bits=4,dictionary=pow2")
        {'quantizer': 'lut', 'bits': 4, 'dictionary': 'pow2'}
        >>> parse_rule("fc*=none")
        {'layers': 'fc*', 'quantizer': 'none'}
        >>> parse_rule("lut:types=Affine+Embed,position=last")
        {'quantizer': 'lut', 'types': ['Affine', 'Embed'], 'position': 'last'}
    """
    head, colon, options = text.strip().partition(":")
    pattern, equals, quantizer = head.rpartition("=")
    rule: Dict[str, Any] = {}
    if equals:
        rule["layers"] = _list_or_one(pattern.strip())
    rule["quantizer"] = quantizer.strip()
    if not re.fullmatch(r"[A-Za-z_]\w*", rule["quantizer"]) or (equals and not pattern.strip()):
        raise ConfigError(
            f"{text!r} is no rule.",
            help="write QUANTIZER:OPTION=VALUE,... such as lut:bits=4, or PATTERN=lut:bits=4",
        )
    for option in options.split(",") if colon else ():
        name, equals, value = (part.strip() for part in option.partition("="))
        if not equals or not name or not value:
            raise ConfigError(
                f"{text!r}: {option!r} is no option.", help="write OPTION=VALUE, such as bits=4"
            )
        if name in rule:
            raise ConfigError(f"{text!r} says {name} twice.", help="say it once")
        rule[name] = _list_or_one(value) if name in ("layers", "types") else typed(value)
    return rule


def typed(text: str) -> Any:
    """Returns the value that a word on the command line stands for.

    Example:
        >>> [typed(text) for text in ("4", "0.5", "1e-3", "true", "null", "pow2")]
        [4, 0.5, 0.001, True, None, 'pow2']
    """
    words = {"true": True, "false": False, "null": None, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def quantizers() -> Dict[str, Type[Q.Quantizer]]:
    """Returns the weight quantizers by the names that recipes use."""
    return {kind.__name__.lower(): kind for kind in Q.registered().values() if kind.in_rules}


def choose_rules(
    rules: Sequence[QuantizerRule],
    layers: Sequence[Union[str, Candidate]],
    what: str = "layer",
) -> Dict[str, Optional[QuantizerRule]]:
    """Returns the rule for each layer or activation: the last one that is for it.

    Args:
        rules: Rules of a recipe, in order.
        layers: The network's layers or activations in the order of execution, or their names. Of
            several with one name the first counts.
        what: What messages call them.

    Raises:
        ConfigError: If a rule matches nothing; the help lists near names.

    Example:
        >>> rules = [QuantizerRule.model_validate(text) for text in ("lut:bits=4", "fc=none")]
        >>> chosen = choose_rules(rules, ["conv1/conv", "fc"])
        >>> chosen["conv1/conv"].bits, chosen["fc"].make()
        (4, None)
    """
    unique: Dict[str, Candidate] = {}
    for layer in layers:
        candidate = Candidate(layer) if isinstance(layer, str) else layer
        unique.setdefault(candidate.name, candidate)
    candidates = list(unique.values())
    chosen: Dict[str, Optional[QuantizerRule]] = {name: None for name in unique}
    for rule in rules:
        matched = rule.choose(candidates)
        if not matched:
            raise ConfigError(
                f"compression: no {what} matches {rule.describe()}.",
                help=_what_there_is(rule, candidates, what),
            )
        chosen.update((name, rule) for name in matched)
    return chosen


def _what_there_is(rule: QuantizerRule, candidates: Sequence[Candidate], what: str) -> str:
    """Says which condition of a rule that matches nothing has no layer, and what there is."""
    if not candidates:
        return f"the network has no {what} to quantize; leave the rule out"
    names = [candidate.name for candidate in candidates]
    patterns = _as_list(rule.layers)
    named = [c for c in candidates if any(fnmatchcase(c.name, p) for p in patterns)]
    if not named:
        return did_you_mean(patterns[0].strip("*") if patterns else "", names)
    types = sorted({candidate.type for candidate in named})
    if rule.types is not None and not set(types) & set(_as_list(rule.types)):
        return did_you_mean((_as_list(rule.types) or [""])[0], types)
    largest = max(named, key=lambda candidate: candidate.weights)
    return f"the largest is {largest.name} with {largest.weights:,}"


def _as_list(words: Union[None, str, Sequence[str]]) -> List[str]:
    return [words] if isinstance(words, str) else list(words or ())


def _list_or_one(text: str) -> Union[str, List[str]]:
    words = text.split("+")
    return words if len(words) > 1 else text
