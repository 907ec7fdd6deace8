# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a run folder from somewhere may do: name data and networks, but run no code.

A recipe that the user names is the user's own; the recipe in a folder may be anybody's.
"""

from __future__ import annotations

from pathlib import Path
from typing import List

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import DataPart, Recipe

HELP = (
    "if you trust who made the folder, add --trust (in Python: trust=True); or name the recipe "
    "itself: 'run RECIPE.yaml -o FOLDER --resume', 'evaluate FILE.nnp --recipe RECIPE.yaml'"
)


def check_trust(folder: Path, recipe: Recipe) -> None:
    """Refuses a run folder whose recipe names Python code; nothing of it has been run then.

    Args:
        folder: The run folder.
        recipe: The recipe in it.

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
    found = code_of(recipe)
    if found:
        raise ConfigError(
            f"the run in {folder} names Python code, which was not run: {', '.join(found)}.",
            help=HELP,
        )


def code_of(recipe: Recipe) -> List[str]:
    """Returns the Python functions that a recipe has called, with what they are for.

    Args:
        recipe: The recipe.
    """
    found = [] if recipe.model.python is None else [f"model {recipe.model.python}"]
    for part in (recipe.data, recipe.evaluate):
        data = part.model_dump() if isinstance(part, DataPart) else {}
        if data.get("source") == "python":
            called = f"data {data.get('path')}:{data.get('function')}"
            found += [called] if called not in found else []
    return found


def confined_recipe(recipe: Recipe) -> Recipe:
    """Returns the recipe of a folder from somewhere so that its data stay where they are.

    Cells of its CSV data sets name files below the folder of the CSV file only.

    Args:
        recipe: The recipe in a folder from somewhere.

    Example:
        >>> data = {"source": "csv", "train": "train.csv"}
        >>> content = {"name": "a", "model": {"nnp": "a.nnp"}, "data": data}
        >>> confined_recipe(Recipe.checked(content)).data.model_extra
        {'train': 'train.csv', 'outside': False}
    """
    parts = {"data": recipe.data, "evaluate": recipe.evaluate}
    confined = {
        name: DataPart.model_validate({**part.model_dump(), "outside": False})
        for name, part in parts.items()
        if isinstance(part, DataPart) and part.source == "csv"
    }
    return recipe.model_copy(update=confined)
