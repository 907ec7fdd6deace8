# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From sensitivities to choices of bits, and from chosen bits to the rules of a recipe."""

from __future__ import annotations

import glob
import re
from typing import Any, Collection, Dict, List, Mapping, Tuple, Union

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.rules import parse_rule
from nnabla_compress.search.assign_bits import COUNTED, BitWidth, budget_text
from nnabla_compress.search.sensitivity import ACTIVATIONS, WEIGHTS, Sensitivities, Sensitivity
from nnabla_compress.sizes import parse_size
from nnabla_compress.spelling import did_you_mean

MEASURES = ("snr", "loss", "accuracy")
# What a budget is of: the place of its size in a choice.
RESOURCES = {"weights": 0, "bops": 1, "activations": 2, "macs": 3}
# Budgets of what is quantized, and of which kind of tensors they are.
KINDS = {"weights": WEIGHTS, "bops": WEIGHTS, "activations": ACTIVATIONS}
_CHOOSING = ("layers", "types", "position", "min_weights")
# Names that the text form of a rule takes as they are.
_PLAIN = re.compile(r"[\w./\[\]-]+")

Key = Tuple[str, str]


def choices_of(
    found: Sensitivities,
    by: str = "snr",
    limits: Mapping[str, int] = {},
    largest_activation: Union[int, None] = None,
) -> Dict[Key, List[BitWidth]]:
    """Returns the choices of each tensor, by kind and name, of the sizes of ``RESOURCES``.

    Args:
        found: What was measured.
        by: "loss" and "accuracy" add up the changes for the worse, "snr" the noise-to-signal
            ratios of the network's output.
        limits: The most bits of a layer or activation, by name.
        largest_activation: Bits that no activation of one sample may exceed.

    Raises:
        ConfigError: If ``by`` or a name is unknown, or the accuracy was not measured.
        InfeasibleBudgetError: If a limit lies below all bits that were measured.
    """
    if by not in MEASURES:
        raise ConfigError(f"by is {by!r}.", help=did_you_mean(by, MEASURES))
    choices: Dict[Key, List[BitWidth]] = {}
    for row in found.rows:
        if row.share is not None:
            continue
        options = choices.setdefault((row.kind, row.layer), [])
        fits = row.bits <= limits.get(row.layer, row.bits)
        if row.kind == ACTIVATIONS and largest_activation is not None:
            fits = fits and row.size_bits <= largest_activation
        if fits:
            options.append(BitWidth(row.bits, cost_of(row, by), _sizes(row)))
    names = [name for _, name in choices]
    for name in limits:
        if name not in names:
            raise ConfigError(f"there is no layer {name!r}.", help=did_you_mean(name, names))
    for (kind, name), options in choices.items():
        if not options:
            of_tensor = [r for r in found.rows if (r.kind, r.layer) == (kind, name)]
            row = min(of_tensor, key=lambda r: r.bits)
            raise InfeasibleBudgetError(
                f"{kind} {name}: the fewest bits measured are {row.bits}, which take "
                f"{budget_text(kind, row.size_bits)}.",
                help="raise the limit, or measure fewer bits",
            )
    return choices


def _sizes(row: Sensitivity) -> Tuple[int, ...]:
    if row.kind == WEIGHTS:
        return row.size_bits, row.macs * row.bits, 0
    return 0, 0, row.size_bits


def cost_of(row: Sensitivity, by: str) -> float:
    """Returns what a change costs: changes for the worse, or noise by signal.

    Args:
        row: The change.
        by: As of :func:`choices_of`.

    Raises:
        ConfigError: If the accuracy was not measured.
    """
    if by == "loss":
        return row.loss
    if by == "accuracy":
        if row.accuracy is None:
            raise ConfigError("no accuracy was measured.", help="choose by loss or snr")
        return 0.0 - row.accuracy
    return 0.0 if row.output_snr is None else float(10 ** (-row.output_snr / 10))


def budgets_of(sizes: Mapping[str, Union[str, int, None]]) -> Dict[str, Tuple[int, int]]:
    """Returns budgets as :func:`~nnabla_compress.search.assign_bits.assign_bits` takes them.

    Args:
        sizes: By name of the budget: a size such as "70kB", a number of operations for "bops" and
            "macs", None for no budget.

    Raises:
        ConfigError: If a size is none.

    Example:
        >>> budgets_of({"weights": "1kB", "bops": None})
        {'weights': (0, 8192)}
    """
    budgets: Dict[str, Tuple[int, int]] = {}
    for name, size in sizes.items():
        if size is not None:
            counted = name in COUNTED
            most = int(size) if counted else int(8 * parse_size(size, f"--{name}"))
            budgets[name] = (RESOURCES[name], most)
    return budgets


def recipe_rules(
    quantizers: Mapping[str, str], bits: Mapping[Key, int]
) -> Dict[str, List[Union[str, Dict[str, Any]]]]:
    """Returns the ``weights:`` and ``activations:`` rules of a recipe, one a tensor.

    Args:
        quantizers: Rules without bits, by kind of tensor.
        bits: Bits by kind and name.

    Returns:
        Rules by kind, as text where the name allows it.

    Example:
        >>> recipe_rules({"weights": "lut:dictionary=pow2"}, {("weights", "fc"): 4})
        {'weights': ['fc=lut:bits=4,dictionary=pow2']}
        >>> recipe_rules({"weights": "lut"}, {("weights", "a+b[0]"): 4})
        {'weights': [{'layers': 'a+b[[]0]', 'quantizer': 'lut', 'bits': 4}]}
    """
    rules: Dict[str, List[Union[str, Dict[str, Any]]]] = {}
    for (kind, name), width in bits.items():
        rule = parse_rule(quantizers[kind])
        options = {key: value for key, value in rule.items() if key not in _CHOOSING}
        quantizer = options.pop("quantizer")
        pattern = glob.escape(name)  # a name is no pattern, whatever it holds
        if _PLAIN.fullmatch(name):
            words = [f"bits={width}", *_option_words(quantizers[kind], options)]
            made: Union[str, Dict[str, Any]] = f"{pattern}={quantizer}:{','.join(words)}"
        else:
            made = {"layers": pattern, "quantizer": quantizer, "bits": width, **options}
        rules.setdefault(kind, []).append(made)
    return rules


def _option_words(rule: str, options: Collection[str]) -> List[str]:
    """The options of a rule as they were written."""
    written = rule.rpartition(":")[2].split(",") if ":" in rule else []
    return [word for word in written if word.partition("=")[0].strip() in options]
