# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The reference of recipes as Markdown: every key and option, from the classes themselves."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Iterable, List, Mapping

from nnabla_compress import data
from nnabla_compress.recipes.docstrings import summary
from nnabla_compress.recipes.schema import Schema, families, recipe_schema, stands_alone
from nnabla_compress.rules import QuantizerRule, quantizers

# Sections of what a part of the schema holds, and what a reader calls it.
_SECTIONS = {
    "ModelPart": ("model", "keys"),
    "DataPart": ("data", "keys"),
    "PreprocessingPart": ("preprocessing", "keys"),
    "AugmentationPart": ("augmentation", "keys"),
    "LossPart": ("loss", "keys"),
    "CompressionPart": ("compression", "keys"),
    "ExportPart": ("export", "keys"),
    "RoundingSettings": ("learning", "keys"),
    "TrainingSettings": ("train", "options of `train`, without terms"),
    "BudgetOptions": ("budget", "options"),
    "DistillOptions": ("distill", "options"),
    "HintsOptions": ("hints", "options"),
    "AttentionTransferOptions": ("attention_transfer", "options"),
    "MapPair": ("pairs-of-maps", "pair"),
    "SinReQOptions": ("sinreq", "options"),
    "WaveQOptions": ("waveq", "options"),
    "Reward": ("reward", "options"),
    "Importance": ("importances", "importance"),
    "Step": ("steps", "step"),
    "TermOptions": ("terms", "term"),
    "StoppingOptions": ("rules-of-stopping", "rule of stopping"),
    "Sampler": ("samplers", "sampler"),
    "QuantizerRule": ("rules", "rule"),
}
_PARTS = ("model", "data", "preprocessing", "augmentation", "loss", "compression", "export")
_WORDS = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "`true` or `false`",
    "object": "keys and values",
    "null": "`null`",
}
_FAMILIES = {
    "step": (
        "Steps",
        "Entries of `steps`. Each [transform](#transforms) is a step, too, under its own name.",
    ),
    "transform": ("Transforms", "Steps that make the network another one, once."),
    "importance": (
        "Importances",
        "What [prune_channels](#prune_channels) and [prune_weights](#prune_weights) rank by. Each "
        "compares channels; `hessian`, `l1`, `l2`, `random`, `snip` and `taylor` single weights, "
        "too.",
    ),
    "term": (
        "Terms",
        "What a [training](#train) minds beside its loss: entries of its `terms`. In the short "
        "form `budget`, `distill`, `hints`, `attention_transfer`, `quantized_gradients`, `sinreq` "
        "and `waveq` are keys of [compression](#compression).",
    ),
    "stopping": (
        "Rules of stopping",
        "What may end a [training](#train) before its last epoch: its `stop`. A rule is asked "
        "after each epoch whose network could be the last: one whose weights can be stored, and "
        "that fits what the terms ask for.",
    ),
    "sampler": ("Samplers", "What proposes the options that a [search](#search) tries."),
}


def recipe_reference() -> str:
    """Returns the sections on all keys, steps, transforms, terms, samplers and quantizers.

    Example:
        >>> lines = recipe_reference().splitlines()
        >>> next(line for line in lines if "`epochs`" in line)  # doctest: +ELLIPSIS
        '| `epochs` | number | must be given | How often each sample is used; ...'
    """
    schema = recipe_schema()
    parts = schema["$defs"]
    sections = ["## Keys of a recipe", schema["description"], _table(schema)]
    titles = {title: name for name, (title, _) in _SECTIONS.items()}
    for title in _PARTS:
        part = parts[titles[title]]
        sections += [f"### {title}", part["description"], _table(part)]
        if title == "data":
            sections.append(_sources())
    for family in families():
        title, words = _FAMILIES[family.name]
        sections += [f"## {title}", words]
        prefix = "step" if family.name == "transform" else family.name
        for name, kind in family.members.items():
            sections += _entry(name, kind, parts[f"{prefix}-{name}"])
            if name == "calibrate":
                learning = parts["RoundingSettings"]
                words = f"The `learning` of `calibrate`. {learning['description']}"
                sections += ["### learning", words, _table(learning)]
        if family.name == "sampler":
            reward = parts["Reward"]
            sections += ["### reward", reward["description"], _table(reward)]
        if family.name == "term":
            pair = parts["MapPair"]
            sections += ["### pairs of maps", pair["description"], _table(pair)]
    sections += ["## Rules", parts["QuantizerRule"]["description"], _rules(parts)]
    sections += ["## Quantizers", "What a [rule](#rules) names as its `quantizer`."]
    for name, kind in quantizers().items():
        sections += [f"### {name}", summary(kind)]
        if kind.calibratable:
            where = " and ".join(kind.calibratable)
            sections.append(f"[calibrate](#calibrate) can put it on {where}.")
        sections.append(_table(parts[f"quantizer-{name}"], QuantizerRule.model_fields))
    return "\n\n".join(section for section in sections if section)


def _sources() -> str:
    """The data sources with their options."""
    rows = [["source", "options", "what it does"], ["---"] * 3]
    for name, function in data.SOURCES.items():
        taken = inspect.signature(function).parameters
        options = [f"`{key}`" for key in taken if key not in ("folder", "wanted")]
        rows.append([f"`{name}`", ", ".join(options) or "none", summary(function).split("\n\n")[0]])
    words = "`y_scale`, a factor of targets that are numbers, is an option of all of them."
    return f"{_markdown_table(rows)}\n\n{words}"


def _entry(name: str, kind: Any, part: Schema) -> List[str]:
    """The section of something that recipes know by name."""
    notes = []
    short = getattr(kind, "short", "")
    if short:
        notes.append(f"`{name}: VALUE` is short for `{name}: {{{short}: VALUE}}`.")
    if stands_alone(kind):
        notes.append("Its name alone stands for all defaults.")
    return [f"### {name}", part["description"], " ".join(notes), _table(part)]


def _rules(parts: Mapping[str, Schema]) -> str:
    """The keys that every rule has."""
    named = parts["quantizer-none"]
    quantizer = {"enum": ["none", *quantizers()]}
    own = {**named["properties"]["quantizer"], **quantizer}
    own.pop("const")
    return _table({**named, "properties": {**named["properties"], "quantizer": own}})


def _table(part: Schema, without: Iterable[str] = ()) -> str:
    """The options of a part of the schema."""
    rows = [["option", "type", "default", "meaning"], ["---"] * 4]
    needed = part.get("required", [])
    for name, option in part.get("properties", {}).items():
        if name not in without:
            default = "must be given" if name in needed else default_text(option)
            rows.append([f"`{name}`", type_text(option), default, option.get("description", "")])
    if len(rows) == 2:
        return "No options."
    return _markdown_table(rows)


def _markdown_table(rows: List[List[str]]) -> str:
    cells = [[text.replace("|", "\\|") for text in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def type_text(option: Schema) -> str:
    """Returns what an option takes, in words.

    Args:
        option: Its schema.

    Example:
        >>> type_text({"type": "array", "items": {"type": "integer"}, "minItems": 1})
        'list of integers'
        >>> type_text({"anyOf": [{"type": "number"}, {"type": "null"}], "default": 1})
        'number or `null`'
    """
    forms = option.get("anyOf", [option])
    if option.get("default") is None:
        forms = [form for form in forms if form.get("type") != "null"]
    words = list(dict.fromkeys(_form(form) for form in forms))
    if "number" in words and "integer" in words:
        words.remove("integer")
    return " or ".join(words)


def _form(form: Schema, many: bool = False) -> str:
    """Words for one schema, or for several values of it."""
    if "$ref" in form:
        section, word = _SECTIONS[form["$ref"].split("/")[2]]
        return f"[{word}{'s' if many else ''}](#{section})"
    if "enum" in form:
        words = [f"`{word}`" for word in form["enum"]]
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    type_ = form.get("type")
    if type_ == "array":
        return _list(form)
    if type_ not in _WORDS:
        return "anything"
    word = _WORDS[type_]
    if many and type_ in ("integer", "number"):
        return f"{word}s"
    if "minimum" in form and "maximum" in form:
        return f"{word}, {form['minimum']} to {form['maximum']}"
    return f"{word}, at least {form['minimum']}" if "minimum" in form else word


def _list(form: Schema) -> str:
    if "prefixItems" in form:
        return f"list of {len(form['prefixItems'])} {_form(form['prefixItems'][0], many=True)}"
    items = form.get("items", {})
    return f"list of {_form(items, many=True)}" if items else "list"


def default_text(option: Schema) -> str:
    """Returns an option's default as a recipe writes it.

    Args:
        option: Its schema.

    Example:
        >>> default_text({"default": [2, 4]}), default_text({"default": None})
        ('`[2, 4]`', 'none')
    """
    value = option.get("default")
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, Dict):
        # Of several keys the table of these tells the defaults.
        return f"`{next(iter(value))}`" if len(value) == 1 else "its defaults"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"
