# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rules in a file of their own, as ``assign-bits`` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Union

import yaml

from nnabla_compress.errors import ConfigError
from nnabla_compress.reading import parse_yaml, read_text
from nnabla_compress.spelling import did_you_mean

KINDS = ("weights", "activations")
_HELP = "give a file that 'nnabla-compress assign-bits ... -o FILE' wrote"


def read_rules(path: Union[str, Path]) -> Dict[str, List[Any]]:
    """Returns the rules of a file, as a recipe's ``compression`` takes them.

    Args:
        path: A YAML file with ``weights:`` and ``activations:``, or one of them.

    Raises:
        ConfigError: If it is missing, no YAML, or holds anything else.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        ...     _ = file.write("weights: [fc=lut:bits=4]")
        ...     file.flush()
        ...     read_rules(file.name)
        {'weights': ['fc=lut:bits=4'], 'activations': []}
    """
    try:
        content = parse_yaml(read_text(path, ConfigError))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        reason = "it is no text" if isinstance(error, UnicodeDecodeError) else reason
        raise ConfigError(f"can't read the rules {path}: {reason}.", help=_HELP) from None
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(f"{path} holds no rules.", help=_HELP)
    for key in content:
        if key not in KINDS:
            raise ConfigError(
                f"{path}: unknown key {key!r}.",
                help=f"{did_you_mean(str(key), KINDS)}; a whole recipe is for 'run'",
            )
    return {kind: _rules(content.get(kind)) for kind in KINDS}


def with_rules(compression: Mapping[str, Any], folder: Path) -> Dict[str, Any]:
    """Returns a recipe's ``compression`` with the rules of the file that its ``rules`` names.

    Rules that it holds itself come after those of the file, so that they are the ones that hold.

    Args:
        compression: Keys and values as in the recipe.
        folder: Where a relative path starts.
    """
    own = dict(compression)
    name = own.pop("rules", None)
    if name is None:
        return own
    if not isinstance(name, str):
        raise ConfigError(f"compression: rules is {name!r}.", help="name a file")
    found = read_rules(folder / name)
    return {**own, **{kind: [*found[kind], *_rules(own.get(kind))] for kind in KINDS}}


def _rules(given: Any) -> List[Any]:
    return [given] if isinstance(given, (str, Mapping)) else list(given or ())
