# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Maps of two networks that are to become alike: which ones, and how they are made to fit."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
from pydantic import field_validator

from nnabla_compress.analysis.feature_maps import named_maps
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.options import Options, validated
from nnabla_compress.spelling import did_you_mean, nearest_name
from nnabla_compress.training.terms.taught import TaughtOptions
from nnabla_compress.training.terms.term import Training

Pair = Tuple[nn.Variable, nn.Variable]
# Names that a message lists.
_MOST_LISTED = 20


class MapPair(Options):
    """A map of the network that learns, and the one of its teacher that it is to follow.

    Args:
        student: Its name in the network that learns, such as ``conv1/conv/relu``.
        teacher: Its name in the teacher.
    """

    student: str
    teacher: str


class MapsOptions(TaughtOptions):
    """What a term says that compares maps with a teacher's.

    Args:
        teacher: As of :class:`~nnabla_compress.training.terms.taught.TaughtOptions`.
        maps: Names of maps that both networks have, or pairs of names.
    """

    maps: List[Union[str, MapPair]]

    @field_validator("maps", mode="before")
    @classmethod
    def _pairs(cls, entries: Any) -> Any:
        if not isinstance(entries, (list, tuple)):
            return entries
        # Of a union pydantic would say what is wrong by each of its types.
        return [
            validated(MapPair, entry, f"maps[{number}]") if isinstance(entry, Mapping) else entry
            for number, entry in enumerate(entries)
        ]


def pairs_of(maps: Sequence[Union[str, MapPair]]) -> List[MapPair]:
    """Returns pairs of names; a name alone is that of a map in both networks.

    Args:
        maps: Names, or pairs of them.

    Raises:
        ConfigError: If there are none.

    Example:
        >>> pairs_of(["conv1/conv/relu"])
        [MapPair(student='conv1/conv/relu', teacher='conv1/conv/relu')]
    """
    if not maps:
        raise ConfigError(
            "maps is empty.",
            help="name one, such as maps: [conv1/conv/relu], or {student: NAME, teacher: NAME}",
        )
    return [MapPair(student=each, teacher=each) if isinstance(each, str) else each for each in maps]


def found_maps(
    student: Mapping[str, nn.Variable],
    teacher: Mapping[str, nn.Variable],
    pairs: Sequence[MapPair],
    term: str,
) -> List[Pair]:
    """Returns the maps that pairs of names stand for.

    Args:
        student: Maps of the network that learns, by name.
        teacher: Likewise those of its teacher.
        pairs: Which of them.
        term: What messages call the term that asks.

    Raises:
        ConfigError: If there is no map of a name, with the nearest one.
    """
    return [
        (
            _found(student, pair.student, "the network", term),
            _found(teacher, pair.teacher, "its teacher", term),
        )
        for pair in pairs
    ]


def _found(maps: Mapping[str, nn.Variable], name: str, whose: str, term: str) -> nn.Variable:
    if name in maps:
        return maps[name]
    listed = sorted(maps, key=lambda other: other != nearest_name(name, maps))[:_MOST_LISTED]
    raise ConfigError(f"{term}: {whose} has no map {name!r}.", help=did_you_mean(name, listed))


def taught_maps(
    training: Training, teacher: Any, pairs: Sequence[MapPair], term: str
) -> List[Pair]:
    """Returns pairs of maps in a training, those of one pair with the same positions.

    Args:
        training: The training.
        teacher: Builds the network that teaches.
        pairs: Which of them.
        term: What messages call the term that asks.

    Raises:
        ConfigError: If there is no such map, or two of a pair don't fit.
    """
    inputs = training.feed.inputs
    given = [inputs] if isinstance(inputs, nn.Variable) else list(inputs.values())
    student = named_maps(training.outputs, given)
    found = found_maps(student, training.taught_by(teacher).maps, pairs, term)
    return [
        same_positions(s, t, f"{term}: {pair.student} and {pair.teacher}")
        for (s, t), pair in zip(found, pairs)
    ]


def named_pairs(
    student: Network,
    teacher: Mapping[str, nn.Variable],
    maps: Sequence[Union[str, MapPair]],
    term: str,
) -> List[Tuple[nn.Variable, nn.Variable, str]]:
    """Returns pairs of maps of two networks, and what messages call them.

    Args:
        student: The network that is to learn.
        teacher: The outputs of its teacher by name, on the same inputs.
        maps: Which maps.
        term: What messages call the term that asks.

    Raises:
        ConfigError: If there is no map of a name.
    """
    inputs = student.all_inputs
    pairs = pairs_of(maps)
    own = named_maps(student.all_outputs, inputs)
    found = found_maps(own, named_maps(list(teacher.values()), inputs), pairs, term)
    return [
        (s, t, f"{term}: {pair.student} and {pair.teacher}") for (s, t), pair in zip(found, pairs)
    ]


def same_positions(student: nn.Variable, teacher: nn.Variable, where: str) -> Pair:
    """Returns two maps with as many positions: the larger one is averaged.

    Args:
        student: A map (B, C, ...).
        teacher: Another one of as many axes.
        where: What messages call the two.

    Raises:
        ConfigError: If no whole number of positions of one makes one of the other.

    Example:
        >>> small, large = nn.Variable((2, 8, 4, 4)), nn.Variable((2, 16, 8, 4))
        >>> [y.shape for y in same_positions(small, large, "a and b")]
        [(2, 8, 4, 4), (2, 16, 4, 4)]
    """
    check_positions(student, teacher, where)
    sizes = list(zip(student.shape[2:], teacher.shape[2:]))
    return (
        _averaged(student, [max(1, s // t) for s, t in sizes]),
        _averaged(teacher, [max(1, t // s) for s, t in sizes]),
    )


def check_positions(student: nn.Variable, teacher: nn.Variable, where: str) -> None:
    """Refuses two maps that can't be brought to as many positions.

    Args:
        student: As of :func:`same_positions`, like the others.
        teacher: Likewise.
        where: Likewise.
    """
    sizes = list(zip(student.shape[2:], teacher.shape[2:]))
    whole = all(max(pair) % min(pair) == 0 for pair in sizes)
    if student.ndim != teacher.ndim or student.ndim < 2 or not whole:
        shapes = " and ".join(str(tuple(y.shape[1:])) for y in (student, teacher))
        raise ConfigError(
            f"{where} have the shapes {shapes} a sample.",
            help="choose maps of the same height and width, or one a whole number of times the "
            "other's",
        )


def _averaged(x: nn.Variable, kernel: Sequence[int]) -> nn.Variable:
    if all(size == 1 for size in kernel):
        return x
    # One axis of positions, as of sounds, is pooled as a picture of one line.
    lines = F.reshape(x, (*x.shape[:2], 1, x.shape[2])) if len(kernel) == 1 else x
    pooled = F.average_pooling(lines, (1, *kernel) if len(kernel) == 1 else tuple(kernel))
    return F.reshape(pooled, (*x.shape[:2], -1)) if len(kernel) == 1 else pooled


def check_weight(term: str, weight: float) -> None:
    """Refuses a factor of a loss that is none.

    Args:
        term: What messages call the term.
        weight: The factor.
    """
    if not 0 < weight < float("inf"):
        raise ConfigError(f"{term}: weight is {weight}.", help="give a positive number")
