# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What was chosen, as a recipe that does it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from nnabla_compress.recipes import Recipe
from nnabla_compress.search.assign import Assigned
from nnabla_compress.search.build import Built
from nnabla_compress.search.choices import recipe_rules
from nnabla_compress.search.sensitivity import Sensitivities


def recipe_of(
    found: Sensitivities,
    chosen: Assigned,
    made: Built,
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
    content["model"] = with_paths(content["model"], folder)
    content["data"] = with_paths(content["data"], folder)
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


def with_paths(part: Mapping[str, Any], folder: Path) -> Dict[str, Any]:
    """Returns a part of a recipe with its paths in full, so that the recipe may stand anywhere.

    Args:
        part: ``model`` or ``data`` of a recipe; what is not said is left out.
        folder: Where its relative paths start, in full.
    """
    given = {key: value for key, value in part.items() if value not in (None, {})}
    for key in _PATHS:
        path = folder / str(given.get(key))
        if key in given and path.exists():
            given[key] = str(path)
    return given
