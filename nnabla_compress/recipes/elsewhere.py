# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where in a recipe a key has its place that stands somewhere else."""

from __future__ import annotations

from typing import List

from nnabla_compress.recipes.schema import recipe_schema

_PARTS = {
    "ModelPart": "model",
    "DataPart": "data",
    "PreprocessingPart": "preprocessing",
    "CompressionPart": "compression",
    "ExportPart": "export",
    "TrainingSettings": "training",
}
_MOST = 4


def elsewhere(key: str) -> str:
    """Returns where a key that is unknown in its place is known, as the end of a sentence.

    Args:
        key: The key.

    Returns:
        "" where it is known nowhere, or in so many places that it tells nothing.

    Example:
        >>> elsewhere("terms")
        "; 'terms' is a key of sections, train"
        >>> elsewhere("termz")
        ''
    """
    schema = recipe_schema()
    if key in schema["properties"]:
        return f"; {key!r} is a key of the recipe itself"
    places: List[str] = []
    for name, part in schema["$defs"].items():
        kind, _, own = name.partition("-")
        called = _PARTS.get(name) or (own if kind in ("step", "term") else "")
        if called and key in part.get("properties", {}):
            places.append(called)
    if f"term-{key}" in schema["$defs"]:
        places.append("terms, as an entry")
    places = list(dict.fromkeys(places))
    if not 0 < len(places) <= _MOST:
        return ""
    return f"; {key!r} is a key of {', '.join(places)}"
