# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values in a graph: reading what parameters hold, and adding parameters under a name."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.names import ascii_name
from nnabla_compress.quantizers.engine import host_array

# What parametric functions call their parameters, and we what we add to them.
_OF_A_LAYER = ("W", "b", "beta", "gamma", "mean", "var", "scale", "shift")


def value(variable: nn.Variable) -> np.ndarray:
    """Returns the values of a parameter, or of what is computed from parameters only.

    Args:
        variable: A variable whose value no input of the network changes.

    Returns:
        A copy, float64 for floating point numbers.
    """
    values = held_value(variable)
    return values.astype(np.float64) if values.dtype.kind == "f" else values.copy()


def held_value(variable: nn.Variable) -> np.ndarray:
    """Returns the values of a parameter, or of what is computed from parameters only, as they are.

    Args:
        variable: As for :func:`value`.

    Returns:
        The array that holds them, no copy.

    Example:
        >>> held_value(constant([1.0, 2.0], "c1/conv/b") * 2).tolist()
        [2.0, 4.0]
    """
    if variable.parent is not None:
        variable.forward()
    return np.asarray(variable.d)


def constant(values: Any, name: str, need_grad: bool = True) -> nn.Variable:
    """Returns a new parameter that is in no scope yet: its Variable carries the name.

    Args:
        values: Its values; floating point numbers become float32.
        name: Path that a writer stores it under, e.g. ``"c1/conv/W"``.
        need_grad: Whether a later training changes it.

    Example:
        >>> constant([1.0, 2.0], "c1/conv/b").name
        'c1/conv/b'
    """
    array = np.asarray(values)
    kind = np.dtype(np.float32) if array.dtype.kind == "f" else array.dtype
    variable = nn.Variable(array.shape, need_grad=need_grad)
    variable.data.cast(kind)[...] = array
    variable.name = ascii_name(name)
    return variable


def constant_in_parts(
    shape: Sequence[int],
    parts: Iterable[Tuple[Any, np.ndarray]],
    name: str,
    need_grad: bool = True,
) -> nn.Variable:
    """Returns a new parameter that is in no scope yet, without a second copy of its values.

    Args:
        shape: Its shape.
        parts: Which elements, and what they hold, until there are values for all.
        name: Path that a writer stores it under.
        need_grad: Whether a later training changes it.

    Example:
        >>> constant_in_parts((4,), [(slice(0, 3), 1), (slice(3, 4), 2)], "a/W").d.tolist()
        [1.0, 1.0, 1.0, 2.0]
    """
    variable = nn.Variable(shape, need_grad=need_grad)
    values = host_array(variable.data, np.float32, overwrite=True)
    for place, part in parts:
        values[place] = part
    variable.name = ascii_name(name)
    return variable


def shared(variable: nn.Variable, name: str) -> nn.Variable:
    """Returns a new parameter that reads the values of another one, without a copy.

    Whoever changes one of the two calls :func:`own` first.

    Args:
        variable: The other one.
        name: Path that a writer stores it under.

    Example:
        >>> w = constant([1.0, 2.0], "c1/conv/b")
        >>> shared(w, "c2/conv/b").data == w.data
        True
    """
    made = nn.Variable(variable.shape, need_grad=variable.need_grad)
    made.data = variable.data
    made.name = ascii_name(name)
    return made


def own(variable: nn.Variable) -> None:
    """Gives a parameter values of its own, equal to those that it had: others keep these.

    Args:
        variable: A parameter that a graph reads as it is, not by way of a view.

    Example:
        >>> w = constant([1.0, 2.0], "c1/conv/b")
        >>> other = shared(w, "c2/conv/b")
        >>> own(other)
        >>> other.d *= 2
        >>> w.d.tolist(), other.d.tolist()
        ([1.0, 2.0], [2.0, 4.0])
    """
    before = variable.data
    variable.data = nn.NdArray(variable.shape)
    variable.data.cast(before.dtype)[...] = before.data


def beside(path: str, last: str) -> str:
    """Returns the path of a parameter that belongs to the same layer.

    Example:
        >>> beside("c1/conv/W", "scale"), beside("W", "scale"), beside("fc.weight", "b")
        ('c1/conv/scale', 'scale', 'fc.weight.b')
    """
    scope, slash, name = path.rpartition("/")
    # A scope with other names in it, as importers write, may hold the weights of many layers.
    return f"{scope}{slash}{last}" if name in _OF_A_LAYER else f"{path}.{last}"


def free_path(path: str, taken: Collection[str]) -> str:
    """Returns a path like another one that nothing has yet: its scope gets a number.

    Args:
        path: The path of a parameter.
        taken: Paths that are taken.

    Example:
        >>> free_path("fc/W", []), free_path("fc/W", ["fc/W"]), free_path("W", ["W", "W_2"])
        ('fc/W', 'fc_2/W', 'W_3')
    """
    scope, slash, last = path.rpartition("/")
    wanted, number = path, 1
    while wanted in taken:
        number += 1
        wanted = f"{scope}_{number}/{last}" if slash and last == "W" else f"{path}_{number}"
    return wanted
