# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a run folder from somewhere may do: name data and networks, but run no code.

A recipe that the user names is the user's own; the recipe in a folder may be anybody's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import DataPart, Recipe

HELP = (
    "if you trust who made the folder, add --trust (in Python: trust=True); or name the recipe "
    "itself: 'run RECIPE.yaml -o FOLDER --resume', 'evaluate FILE.nnp --recipe RECIPE.yaml'"
)


def check_trust(folder: Path, recipe: Recipe, scored: Optional[Mapping[str, Any]] = None) -> None:
    """Refuses a run folder whose recipe names Python code; nothing of it has been run then.

    Args:
        folder: The run folder.
        recipe: The recipe in it.
        scored: The ``data`` that its network was scored on, if that is kept apart.

    Raises:
        ConfigError: With the code that it names.

    Example:
        >>> model, data = {"python": "code.py:make"}, {"source": "digits"}
        >>> recipe = Recipe.checked({"name": "a", "model": model, "data": data})
        >>> try:
        ...     check_trust(Path("out"), recipe)
        ... except ConfigError as error:
        ...     print(error.message)
        the run in out names Python code, which was not run: model code.py:make.
    """
    found = code_of(recipe, scored)
    if found:
        raise ConfigError(
            f"the run in {folder} names Python code, which was not run: {', '.join(found)}.",
            help=HELP,
        )


def code_of(recipe: Recipe, scored: Optional[Mapping[str, Any]] = None) -> List[str]:
    """Returns the Python functions that a recipe has called, with what they are for.

    Args:
        recipe: The recipe.
        scored: As of :func:`check_trust`.
    """
    found = [] if recipe.model.python is None else [f"model {recipe.model.python}"]
    own = None if recipe.data is None else recipe.data.model_dump()
    for data in (own, scored):
        if data is not None and data.get("source") == "python":
            called = f"data {data.get('path')}:{data.get('function')}"
            found += [called] if called not in found else []
    return found


def confined(data: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """Returns the ``data`` of a folder from somewhere so that they stay where they are.

    Cells of its CSV data sets name files below the folder of the CSV file only.

    Args:
        data: As in a recipe, None for none.

    Example:
        >>> confined({"source": "csv", "train": "train.csv"})
        {'source': 'csv', 'train': 'train.csv', 'outside': False}
    """
    if data is None:
        return None
    return {**data, "outside": False} if data.get("source") == "csv" else dict(data)


def confined_recipe(recipe: Recipe) -> Recipe:
    """Returns a recipe with its data as of :func:`confined`.

    Args:
        recipe: The recipe in a folder from somewhere.
    """
    if recipe.data is None:
        return recipe
    data = DataPart.model_validate(confined(recipe.data.model_dump()))
    return recipe.model_copy(update={"data": data})
