# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Choosing how a weight is stored: the smallest scheme, a named one, or floats."""

from __future__ import annotations

from typing import Container, Dict, List, NamedTuple, Optional, Tuple

from nnabla_compress.errors import ConfigError
from nnabla_compress.lowering.storage.bit_matrix import BitMatrix
from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.dictionary_planes import DictionaryPlanes
from nnabla_compress.lowering.storage.int8 import Int8
from nnabla_compress.lowering.storage.one_hot import OneHot
from nnabla_compress.lowering.storage.packed import Packed
from nnabla_compress.lowering.storage.pow2_planes import Pow2Planes
from nnabla_compress.lowering.storage.scheme import Scheme, Stored
from nnabla_compress.lowering.storage.sign_planes import SignPlanes

SMALLEST, FLOAT = "smallest", "float"
_ALL: Tuple[Scheme, ...] = (
    *(Int8(), Packed(), SignPlanes(), BitMatrix()),
    *(DictionaryPlanes(), Pow2Planes(), OneHot()),
)
SCHEMES: Dict[str, Scheme] = {scheme.name: scheme for scheme in _ALL}
# Sizes this close are equal: then what decodes value for value, and in less memory, is chosen.
_NEAR_TIE = 1.03
_FLOAT_PARAMETER = 36  # bytes beside its values, without its shape
_NO_ROOM = (
    "stored as floats, because the stock runtime decodes weights into buffers, which would take "
    "more memory than it is worth (--prefer); the C kernels of target callback read codes as they "
    "are stored"
)


class StorageChoices(NamedTuple):
    """All ways to store a tensor.

    Args:
        tensor: What to store.
        built: What stores it, by the name of the scheme.
        refusals: Why the other schemes can't.
    """

    tensor: CodedTensor
    built: Dict[str, Stored]
    refusals: Dict[str, str]


def check_storage(storage: str) -> None:
    """Refuses a name that is neither a scheme nor ``"smallest"`` nor ``"float"``.

    Args:
        storage: The name.

    Raises:
        ConfigError: With the names that there are.
    """
    if storage not in (SMALLEST, FLOAT, *SCHEMES):
        raise ConfigError(
            f"there is no storage {storage!r}.",
            help=f"choose {SMALLEST}, {FLOAT}, {', '.join(SCHEMES)}",
        )


def choices(tensor: CodedTensor, path: str, integers: bool = False) -> StorageChoices:
    """Returns a coded tensor decoded in the graph, in all ways that fit it.

    Args:
        tensor: What to store.
        path: Path of the weight, which names of parameters start with.
        integers: Decode it to its integers, for exact arithmetic; it must have a scale.
    """
    refusals = {scheme.name: scheme.refusal(tensor) for scheme in _ALL}
    built = {
        scheme.name: (scheme.build_integers if integers else scheme.build)(tensor, path)
        for scheme in _ALL
        if refusals[scheme.name] is None
    }
    return StorageChoices(tensor, built, {name: str(why) for name, why in refusals.items() if why})


def choose(
    found: StorageChoices,
    storage: str = SMALLEST,
    most: Optional[int] = None,
    in_place: Container[str] = (),
) -> Tuple[Optional[Stored], str]:
    """Returns the one of several ways to store a tensor that takes the fewest bytes of the file.

    Args:
        found: The ways that there are.
        storage: ``"smallest"``, ``"float"``, or the name of a scheme.
        most: Bytes of memory that decoding may take; None for any number.
        in_place: Names of schemes whose codes the layer reads as they are.

    Returns:
        What stores it, None for floats, and why it is not stored as asked, "" if it is.
    """
    check_storage(storage)
    if storage == FLOAT:
        return None, ""
    built = list(found.built.values())
    if storage != SMALLEST:
        built = [found.built[storage]] if storage in found.built else []
    if not built:
        reason = found.refusals.get(storage) or found.refusals["int8"]
        return None, f"stored as floats, because {reason}" if storage == SMALLEST else reason

    def memory(one: Stored) -> int:
        return 0 if one.scheme in in_place else one.decoding_bytes

    if most is not None:
        built = [one for one in built if memory(one) <= most]
        if not built:
            return None, _NO_ROOM
    if storage != SMALLEST:
        return built[0], ""
    smallest = min(one.nnb_bytes for one in built)
    size = found.tensor.index
    if _FLOAT_PARAMETER + 4 * (size.ndim + size.size) <= smallest:
        return None, ""
    near: List[Stored] = [one for one in built if one.nnb_bytes <= _NEAR_TIE * smallest]
    return min(near, key=lambda one: (not one.exact, memory(one), one.nnb_bytes)), ""


def store_tensor(
    tensor: CodedTensor, path: str, storage: str = SMALLEST
) -> Tuple[Optional[Stored], str]:
    """Returns a coded tensor decoded in the graph from as few bytes as possible.

    Args:
        tensor: What to store.
        path: Path of the weight, which names of parameters start with.
        storage: ``"smallest"``, ``"float"``, or the name of a scheme.

    Returns:
        As of :func:`choose`.

    Example:
        >>> import numpy as np
        >>> from nnabla_compress.encodings import Encoding
        >>> from nnabla_compress.lowering.storage import coded_tensor
        >>> codes = np.random.RandomState(0).randint(-8, 8, (16, 16, 3, 3))
        >>> tensor = coded_tensor(Encoding(codes, 4, scale=np.float32(0.1)))
        >>> stored, _ = store_tensor(tensor, "c1/conv/W")
        >>> stored.scheme, stored.exact, stored.nnb_bytes
        ('bit_matrix', True, 1700)
    """
    check_storage(storage)
    return (None, "") if storage == FLOAT else choose(choices(tensor, path), storage)


def store_integers(
    tensor: CodedTensor, path: str, storage: str = SMALLEST
) -> Tuple[Optional[Stored], str]:
    """Returns a coded tensor decoded to its integers in the graph, for exact arithmetic.

    Args:
        tensor: A tensor with a scale, see :func:`coded_tensor`.
        path: Path of the weight.
        storage: ``"smallest"``, ``"float"`` or the name of a scheme.

    Returns:
        What stores it, None if floats that hold the integers are smaller, and why.
    """
    check_storage(storage)
    return (None, "") if storage == FLOAT else choose(choices(tensor, path, True), storage)
