# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Options that recipes ask for by a name: transforms, terms, steps, samplers."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Dict, Generic, Mapping, Type, TypeVar

from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options, named, validated
from nnabla_compress.spelling import did_you_mean

_Made = TypeVar("_Made", bound="NamedOptions")
_Kind = TypeVar("_Kind", bound=Type["NamedOptions"])


class NamedOptions(Options):
    """Options with a name; a subclass is registered under its own."""

    name: ClassVar[str] = ""
    """What recipes call it."""
    short: ClassVar[str] = ""
    """The option that a value alone stands for, as in ``fold: before``; none if empty."""

    @classmethod
    def checked(cls: Type[_Made], content: Any, where: str = "") -> _Made:
        """Makes one from what a recipe says.

        Args:
            content: Its options, or the value of the one that :attr:`short` names.
            where: What messages call it; by default its name.

        Raises:
            ConfigError: If anything is unknown or out of range.
        """
        if isinstance(content, cls):
            return content
        if cls.short and content is not None and not isinstance(content, Mapping):
            content = {cls.short: content}
        return validated(cls, {} if content is None else content, where or cls.name)


class Registry(Generic[_Made]):
    """The classes of one family, by the names that recipes use.

    Args:
        family: What messages call a member.
        base: The class that all of them derive from.

    Example:
        >>> colours = Registry("colour", NamedOptions)
        >>> @colours.register("red")
        ... class Red(NamedOptions):
        ...     shade: int = 1
        ...     short = "shade"
        >>> colours.make({"red": 3}, "colours").shade, list(colours.all())
        (3, ['red'])
        >>> colours.kind("rad")
        Traceback (most recent call last):
        nnabla_compress.errors.ConfigError: unknown colour 'rad'.
        help: did you mean 'red'? known are: red
    """

    def __init__(self, family: str, base: Type[_Made]) -> None:
        self._family, self._base = family, base
        self.kinds: Dict[str, Type[_Made]] = {}

    def register(self, name: str) -> Callable[[_Kind], _Kind]:
        """Returns the decorator that makes a class known.

        Args:
            name: The name that recipes use.
        """

        def add(kind: _Kind) -> _Kind:
            kind.name = name
            self.kinds[name] = kind  # type: ignore[assignment]
            return kind

        return add

    def all(self) -> Dict[str, Type[_Made]]:
        """Returns all members by name, in the order of these."""
        return dict(sorted(self.kinds.items()))

    def kind(self, name: str, where: str = "") -> Type[_Made]:
        """Returns a member by its name.

        Args:
            name: What recipes call it.
            where: What messages call the place.

        Raises:
            ConfigError: If there is none.
        """
        if name not in self.kinds:
            place = f"{where}: " if where else ""
            raise ConfigError(
                f"{place}unknown {self._family} {name!r}.",
                help=did_you_mean(name, list(self.all())),
            )
        return self.kinds[name]

    def make(self, entry: Any, where: str) -> _Made:
        """Returns a member with its options, from what a recipe says.

        Args:
            entry: ``{NAME: {OPTION: VALUE}}``, the name alone, or a member as it is.
            where: What messages call the place.

        Raises:
            ConfigError: If there is no such member, or an option is wrong.
        """
        if isinstance(entry, self._base):
            return entry
        name, content = named(entry, where)
        return self.kind(name, where).checked(content, f"{where}: {name}")
