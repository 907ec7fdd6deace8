# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Checks values by the part of JSON Schema that the schema of recipes uses; refuses the rest."""

from __future__ import annotations

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "null": lambda v: v is None,
}
TOLD = {"description", "default", "title", "$schema", "$defs", "then"}


def valid(value, schema, root=None):
    """Whether a value meets a schema."""
    root = schema if root is None else root
    return all(_meets(value, key, limit, schema, root) for key, limit in schema.items())


def _meets(value, key, limit, schema, root):
    if key in TOLD:
        return True
    if key == "$ref":
        return valid(value, resolved(limit, root), root)
    if key == "type":
        return TYPES[limit](value)
    if key == "enum":
        return value in limit
    if key == "const":
        return value == limit
    if key == "anyOf":
        return any(valid(value, form, root) for form in limit)
    if key == "oneOf":
        return sum(valid(value, form, root) for form in limit) == 1
    if key == "not":
        return not valid(value, limit, root)
    if key == "if":
        return not valid(value, limit, root) or valid(value, schema["then"], root)
    if key in ("minimum", "maximum"):
        if not TYPES["number"](value):
            return True
        return value >= limit if key == "minimum" else value <= limit
    if key in ("items", "prefixItems", "minItems", "maxItems"):
        return not isinstance(value, list) or _meets_list(value, key, limit, root)
    return not isinstance(value, dict) or _meets_object(value, key, limit, schema, root)


def _meets_list(value, key, limit, root):
    if key == "items":
        return all(valid(item, limit, root) for item in value)
    if key == "prefixItems":
        return all(valid(item, form, root) for item, form in zip(value, limit))
    return len(value) >= limit if key == "minItems" else len(value) <= limit


def _meets_object(value, key, limit, schema, root):
    if key == "properties":
        return all(valid(value[name], form, root) for name, form in limit.items() if name in value)
    if key == "additionalProperties":
        others = [item for name, item in value.items() if name not in schema.get("properties", {})]
        return (
            all(valid(item, limit, root) for item in others)
            if isinstance(limit, dict)
            else (limit or not others)
        )
    if key == "required":
        return all(name in value for name in limit)
    if key in ("minProperties", "maxProperties"):
        return len(value) >= limit if key == "minProperties" else len(value) <= limit
    raise AssertionError(f"the schema says {key!r}, which nothing here checks")


def resolved(ref, root):
    """What a reference within a schema refers to."""
    found = root
    for part in ref[2:].split("/"):
        found = found[part]
    return found
