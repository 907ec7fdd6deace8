# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The JSON schema of recipes, made from the classes of their options.

Editors complete and check a recipe with it. It is a little wider than the checks of
:class:`~nnabla_compress.recipes.Recipe`, which also know networks, and what goes together.
"""

from __future__ import annotations

import importlib
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticUndefined, to_jsonable_python

from nnabla_compress import data
from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import Importance, importances
from nnabla_compress.lowering.storage import FLOAT, SCHEMES, SMALLEST
from nnabla_compress.lowering.weigh import PREFERENCES
from nnabla_compress.models.registry import MODELS
from nnabla_compress.options import validated
from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.recipes.data_parts import AugmentationPart, DataPart, ModelPart
from nnabla_compress.recipes.docstrings import meanings, summary
from nnabla_compress.recipes.export import ExportPart
from nnabla_compress.recipes.recipe import Recipe
from nnabla_compress.recipes.step import Step, steps
from nnabla_compress.rules import POSITIONS, QuantizerRule, quantizers
from nnabla_compress.targets import TARGETS
from nnabla_compress.training.settings import SCHEDULES, TrainingSettings
from nnabla_compress.training.stopping import StoppingOptions, stopping_rules
from nnabla_compress.training.terms import TermOptions, terms
from nnabla_compress.transforms.transform import Transform, transforms

Schema = Dict[str, Any]
_PARTS = "#/$defs/"
# What stands above recipes is loaded when it is asked for, as steps are.
_SAMPLERS = "nnabla_compress.search.sampler"
_CALIBRATION = "nnabla_compress.calibration.settings"


class Family(NamedTuple):
    """What recipes know by name, as an entry ``{NAME: OPTIONS}``.

    Args:
        name: What one of them is called.
        base: The class that they are derived from.
        members: The classes by name.
    """

    name: str
    base: type
    members: Mapping[str, Any]


def families() -> List[Family]:
    """Returns what recipes know by name; a transform is a step, too."""
    of_steps = steps()  # which load the samplers, too
    samplers = importlib.import_module(_SAMPLERS)
    return [
        Family("step", Step, of_steps),
        Family("transform", Transform, transforms()),
        Family("importance", Importance, importances()),
        Family("term", TermOptions, terms()),
        Family("stopping", StoppingOptions, stopping_rules()),
        Family("sampler", samplers.Sampler, samplers.samplers()),
    ]


def recipe_schema() -> Schema:
    """Returns the JSON schema of a whole recipe, draft 2020-12.

    Example:
        >>> schema = recipe_schema()
        >>> sorted(schema["required"]), sorted(schema["$defs"]["step-fold"]["properties"])
        (['model', 'name'], ['freeze_after', 'how'])
    """
    known = {family.name: family for family in families()}
    parts: Dict[str, Schema] = {}
    schema = _generated(Recipe, parts)
    for family in known.values():
        for name, kind in family.members.items():
            called = "step" if family.name == "transform" else family.name
            parts[f"{called}-{name}"] = options_schema(kind, parts)
    parts["TermOptions"] = _entry("term", known["term"].members)
    parts["StoppingOptions"] = _entry("stopping", known["stopping"].members)
    parts["Importance"] = _entry("importance", known["importance"].members)
    parts["Sampler"] = _entry("sampler", known["sampler"].members)
    either = {**known["step"].members, **known["transform"].members}
    parts["Step"] = _entry("step", either)
    parts["QuantizerRule"] = _rule(parts)
    compression = parts[CompressionPart.__name__]
    compression["properties"]["rules"] = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "A YAML file with further rules, which come before those that stand here.",
    }
    parts[ModelPart.__name__]["oneOf"] = [
        {"required": [key], "properties": {key: {"type": "string"}}}
        for key in ("name", "python", "nnp")
    ]
    of_loss = schema["properties"]["loss"]
    schema["properties"]["loss"] = {**of_loss, "anyOf": [{"type": "string"}, *of_loss["anyOf"]]}
    nothing = {"type": "null"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe of nnabla-compress",
        **schema,
        "if": {"required": ["steps"], "properties": {"steps": {"type": "array"}}},
        "then": {"properties": {"float_training": nothing, "compression": nothing}},
        "$defs": {name: parts[name] for name in sorted(_referred_to(schema, parts))},
    }


def _referred_to(schema: Any, parts: Mapping[str, Schema]) -> Set[str]:
    """Names of the parts that a schema needs, by itself or by another part."""
    found: Set[str] = set()
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).replace(_PARTS, "").partition("/")[0]
            if name and name not in found:
                found.add(name)
                left.append(parts[name])
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return found


def options_schema(kind: Any, parts: Dict[str, Schema]) -> Schema:
    """Returns the schema of the options of a class, as a recipe writes them.

    Args:
        kind: The class. The options of the option that its ``flat`` names stand among its own.
        parts: Gets the schemas that it refers to, by name.
    """
    schema = _generated(kind, parts)
    own: Dict[str, Schema] = schema.get("properties", {})
    needed = list(schema.get("required", []))
    flat = getattr(kind, "flat", "")
    if flat:
        inner = _generated(kind.model_fields[flat].annotation, parts)
        said = meanings(kind)
        for name in said.keys() & inner["properties"].keys():
            inner["properties"][name]["description"] = said[name].text
        aliases = {
            name: {"type": said[name].type or "string", "description": said[name].text}
            for name in kind.aliases
            if name in said
        }
        own = {**inner["properties"], **{k: v for k, v in own.items() if k != flat}, **aliases}
        needed = [*inner.get("required", []), *(name for name in needed if name != flat)]
    made: Schema = {
        "type": "object",
        "description": summary(kind),
        "properties": own,
        "additionalProperties": False,
    }
    if needed:
        made["required"] = needed
    elif not stands_alone(kind):
        made["minProperties"] = 1
    return made


def stands_alone(kind: Any) -> bool:
    """Whether something known by name can be asked for by its name alone.

    Args:
        kind: Its class.
    """
    try:
        validated(kind, {}, "")
    except ConfigError:
        return False
    return True


def _entry(name: str, members: Mapping[str, Any]) -> Schema:
    """The schema of ``NAME`` or ``{NAME: OPTIONS}``."""
    alone = [key for key, kind in members.items() if stands_alone(kind)]
    contents: Dict[str, Schema] = {}
    for key, kind in members.items():
        ref = f"{_PARTS}{name}-{key}"
        forms: List[Schema] = [{"$ref": ref}]
        if getattr(kind, "short", ""):
            short = {"$ref": f"{ref}/properties/{kind.short}"}
            forms.append({**short, "not": {"type": "object"}})
        if key in alone:
            forms.append({"type": "null"})
        contents[key] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    whole = {
        "type": "object",
        "properties": contents,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"enum": alone}, whole]} if alone else whole


def _rule(parts: Dict[str, Schema]) -> Schema:
    """The schema of a rule: text, or one of the quantizers with its options."""
    chosen = _generated(QuantizerRule, parts)["properties"]
    forms: List[Schema] = [{"type": "string"}]
    for name, kind in {"none": None, **quantizers()}.items():
        own = {} if kind is None else _generated(kind, parts)
        named = {"const": name, "description": chosen["quantizer"]["description"]}
        made: Schema = {
            "type": "object",
            "description": "Leaves what it is for as it is." if kind is None else summary(kind),
            "properties": {**chosen, "quantizer": named, **own.get("properties", {})},
            "required": ["quantizer", *own.get("required", [])],
            "additionalProperties": False,
        }
        parts[f"quantizer-{name}"] = made
        forms.append({"$ref": f"{_PARTS}quantizer-{name}"})
    return {"description": summary(QuantizerRule), "anyOf": forms}


def choices() -> Dict[Tuple[type, str], Sequence[str]]:
    """Returns the words that an option may have, where they are names of something else."""
    search, calibration = steps()["search"], importlib.import_module(_CALIBRATION)
    settings = calibration.PostTrainingSettings
    return {
        (ModelPart, "name"): list(MODELS),
        (DataPart, "source"): list(data.SOURCES),
        (AugmentationPart, "name"): list(data.AUGMENTATIONS),
        (TrainingSettings, "schedule"): SCHEDULES,
        (settings, "calibration"): (calibration.AUTO, *calibration.METHODS),
        (settings, "judge"): calibration.JUDGES,
        (QuantizerRule, "position"): POSITIONS,
        (ExportPart, "target"): list(TARGETS),
        (ExportPart, "storage"): (SMALLEST, FLOAT, *SCHEMES),
        (ExportPart, "prefer"): PREFERENCES,
        (search, "over"): list(transforms()),
    }


def _generated(kind: Any, parts: Dict[str, Schema]) -> Schema:
    """The schema of a class by pydantic; what it refers to becomes part of the others."""
    schema = TypeAdapter(kind).json_schema(
        ref_template=f"{_PARTS}{{model}}", schema_generator=_Told
    )
    parts.update(schema.pop("$defs", {}))
    return schema


class _Told(GenerateJsonSchema):
    """Adds what docstrings say, all defaults, and the words that there are to choose from."""

    def model_schema(self, schema: Any) -> Schema:
        return _told(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> Schema:
        return _told(super().dataclass_schema(schema), schema["cls"])


def _told(schema: Schema, kind: Any) -> Schema:
    said, known, default = meanings(kind), choices(), defaults(kind)
    schema.pop("title", None)
    schema["description"] = summary(kind)
    for name, option in schema.get("properties", {}).items():
        option.pop("title", None)
        option.pop("default", None)
        if option.get("additionalProperties") is True:
            del option["additionalProperties"]  # only some versions of pydantic say so
        if (kind, name) in known:
            _choose(option, known[kind, name])
        if name in getattr(kind, "one_or_several", ()):
            _one_or_several(option)
        if name in said:
            option["description"] = said[name].text
        if name in default:
            option["default"] = default[name]
    return schema


def _choose(option: Schema, words: Sequence[str]) -> None:
    for form in option.get("anyOf", [option]):
        if form.get("type") == "string":
            form["enum"] = list(words)


def _one_or_several(option: Schema) -> None:
    """Lets one entry stand for a list of it."""
    forms = option.get("anyOf") or [{k: option.pop(k) for k in ("type", "items") if k in option}]
    alone = [form["items"] for form in forms if form.get("type") == "array"]
    option["anyOf"] = [*alone, *forms]


def defaults(kind: Any) -> Dict[str, Any]:
    """Returns the defaults of a class's options as JSON values; those that must be given lack one.

    Args:
        kind: A model, or a data class.
    """
    found: Dict[str, Any] = {}
    if is_dataclass(kind):
        for each in fields(kind):
            value = each.default
            if each.default_factory is not MISSING:
                value = each.default_factory()
            if value is not MISSING:
                found[each.name] = to_jsonable_python(value)
        return found
    bases: Any = tuple(family.base for family in families())
    for name, field in kind.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if value is PydanticUndefined:
            continue
        plain = to_jsonable_python(value)
        found[name] = {value.name: plain} if isinstance(value, bases) else plain
    return found
