# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Classes of checked options: keys and values, and what is wrong with some."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, List, Mapping, Sequence, Tuple, Type, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from nnabla_compress.errors import CompressError, ConfigError, UnknownKeyError
from nnabla_compress.spelling import did_you_mean

_Kind = TypeVar("_Kind", bound=BaseModel)
# What pydantic calls a key that a model, or a data class, does not have.
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class Options(BaseModel):
    """Keys and values, none of them unknown, none of them changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    one_or_several: ClassVar[Tuple[str, ...]] = ()
    """Options that are lists, for which an entry alone will do."""

    def __init__(self, **content: Any) -> None:
        try:
            super().__init__(**content)
        except ValidationError as error:
            raise _explained(error, type(self).__name__, type(self)) from None

    # What is checked as a part of something else is told with its place there, not by this.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def named(entry: Any, where: str) -> Tuple[str, Any]:
    """Returns the name and the content of an entry of a list, ``{NAME: CONTENT}`` or ``NAME``.

    Args:
        entry: The entry.
        where: What messages call the list.

    Raises:
        ConfigError: If it is neither.

    Example:
        >>> named({"train": {"epochs": 2}}, "steps"), named("quantize", "steps")
        (('train', {'epochs': 2}), ('quantize', None))
    """
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, content),) = entry.items()
        return str(name), content
    raise ConfigError(
        f"{where}: {entry!r} is no entry.", help="write NAME: {OPTION: VALUE}, one name an entry"
    )


def validated(kind: Type[_Kind], content: Any, where: str) -> _Kind:
    """Makes a part of a recipe from its keys and values.

    Args:
        kind: The class of the part.
        content: Keys and values.
        where: What messages call it.

    Raises:
        ConfigError: If anything in it is unknown or out of range.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _explained(error, where, kind) from None
    except UnknownKeyError as error:
        raise UnknownKeyError(f"{where}: {error.message}", error.help, error.key) from None
    except CompressError as error:
        raise ConfigError(f"{where}: {error.message}", help=error.help) from None


def keys_of(kind: Any) -> List[str]:
    """Returns the names of the options of a class: a model's, or a data class's.

    Args:
        kind: The class.
    """
    return [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind.model_fields)


def _explained(error: ValidationError, where: str, kind: Type[BaseModel]) -> ConfigError:
    # A misspelt key is also a missing one: name the cause, not the consequence.
    found = error.errors()
    first = next((entry for entry in found if entry["type"] in _UNKNOWN), found[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] in _UNKNOWN:
        keys = _keys_at(kind, path[:-1])
        place = f" in {'.'.join(path[:-1])}" if len(path) > 1 else ""
        return UnknownKeyError(
            f"{where}: unknown key {path[-1]!r}{place}.", did_you_mean(path[-1], keys), path[-1]
        )
    if first["type"] == "missing":
        return ConfigError(f"{where}: {'.'.join(path)} is missing.", help="add it")
    which = ": ".join([where, *filter(None, [".".join(path)])]) + f" is {first.get('input')!r}"
    # pydantic's own text names the class.
    if first["type"] in ("model_type", "dataclass_type"):
        key = next(iter(_keys_at(kind, path)))
        return ConfigError(
            f"{which}, not keys and values.", help=f"write {{{key}: ...}} and what it needs"
        )
    return ConfigError(f"{which}: {first['msg']}.", help="correct that value")


def _keys_at(kind: Type[BaseModel], path: Sequence[str]) -> List[str]:
    """Keys that the part at a path may have."""
    part: Any = kind
    for key in path:
        if key.isdigit():
            continue
        annotation = get_type_hints(part).get(key)
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        part = next(c for c in candidates if hasattr(c, "model_fields") or is_dataclass(c))
    return keys_of(part)
