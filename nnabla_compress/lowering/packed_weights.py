# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which packed form of the C kernels a weight takes: a dictionary, or integers times scales.

All arrays are in the order of the file (:mod:`nnabla_compress.c_kernels.order`), with the output
map of each number beside them. A form is only taken if it decodes to the same values. Zeros of
either sign count as the same, since sums start at zero.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.rewrite import MOST_BITS, dictionary_of
from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.kernels.common_scales import common_scales
from nnabla_compress.nnb.content import blocks

_SORTED = 1 << 16  # numbers whose rows are sorted at a time


class Packing(NamedTuple):
    """How a weight is packed.

    Args:
        packed: Codes and what decodes them; None if the weight stays float.
        reason: Why it stays float, else "".
    """

    packed: Optional[PackedWeights]
    reason: str = ""


def choose_packing(
    weight: np.ndarray, maps: np.ndarray, encoding: Optional[Encoding] = None
) -> Packing:
    """Returns the form that holds a weight in the fewest bytes.

    A dictionary of powers of two is taken before other forms: kernels that are built without
    multiplications run it.

    Args:
        weight: float32, in the order of the file.
        maps: Output map of each number.
        encoding: How the weight is encoded, its codes in the order of the file, if that is known;
            else, and where the kernels have no such form, levels and scales are found from the
            values.

    Example:
        >>> weight = np.float32([[0.5, -1, 0.25]] * 64)
        >>> found, _ = choose_packing(weight, np.zeros((64, 3), int))
        >>> found.bits, found.dictionary.tolist()
        (2, [-1.0, 0.25, 0.5, 0.0])
    """
    if not np.isfinite(weight).all():
        return Packing(None, "its weight holds values that are not finite")
    forms = _forms(weight, maps, encoding)
    if not forms:
        distinct = len(np.unique(weight))
        return Packing(None, f"its weight has {distinct:,} values, more than {2**MOST_BITS}")
    best = min(forms, key=_order)
    if packed_bytes(best) >= weight.nbytes:
        return Packing(None, "codes and dictionary would take as many bytes as the floats")
    return Packing(best)


def packed_bytes(packed: PackedWeights) -> int:
    """Returns the bytes of a packed weight in a file: codes and description, padded to 4.

    Args:
        packed: The weight.
    """
    sizes = (packed.code_size, len(packed.description()))
    return sum((size + 3) // 4 * 4 for size in sizes)


def is_power_of_two(numbers: Optional[np.ndarray]) -> bool:
    """Returns whether all numbers are zero or plus or minus a power of two; True for None.

    Example:
        >>> is_power_of_two(np.float32([0, -0.25, 2])), is_power_of_two(np.float32([3]))
        (True, False)
    """
    if numbers is None:
        return True
    mantissas = np.abs(np.frexp(numbers)[0])
    return bool(np.all((mantissas == 0.5) | (mantissas == 0)))


def with_form(weight: np.ndarray, maps: np.ndarray, form: PackedWeights) -> Optional[PackedWeights]:
    """Returns a weight as codes of a form; None if the form has not all of its values.

    Args:
        weight: float32, in the order of the file.
        maps: Output map of each number.
        form: Bits, dictionary, scales and zero point; its codes do not matter.

    Example:
        >>> form = PackedWeights(np.zeros(0, int), 2, None, np.float32([0.5]), zero_point=2)
        >>> with_form(np.float32([[0.5, -1]]), np.array([[0, 0]]), form).codes.tolist()
        [[3, 0]]
    """
    count = int(maps.max()) + 1
    sizes = (1, count)
    if form.scales is not None and form.scales.size not in sizes:
        return None
    if form.dictionary is not None and form.dictionary.size >> form.bits not in sizes:
        return None
    entries = np.arange(2**form.bits)
    one_dictionary = form.dictionary is None or form.dictionary.ndim == 1
    if one_dictionary and (form.scales is None or form.scales.size == 1):
        table = replace(form, codes=entries).values(np.zeros(1, np.int64))
        codes = _codes(table, weight)
        return None if codes is None else replace(form, codes=codes)
    order, rows = by_map(weight, maps)
    found = np.empty(rows.shape, np.uint8)
    for number, row in enumerate(rows):
        table = replace(form, codes=entries).values(np.full(1, number))
        codes = _codes(table, row)
        if codes is None:
            return None
        found[number] = codes
    return replace(form, codes=_back(found, order, weight.shape))


def decodes_to(packed: PackedWeights, maps: np.ndarray, weight: np.ndarray) -> bool:
    """Returns whether a packed weight stands for the very values of a float one.

    Args:
        packed: The packed weight.
        maps: Output map of each number.
        weight: The float weight, in the order of the file.
    """
    codes = packed.codes.reshape(weight.shape)
    return all(
        np.array_equal(replace(packed, codes=codes[block]).values(maps[block]), weight[block])
        for block in blocks(weight.shape)
    )


def by_map(weight: np.ndarray, maps: np.ndarray) -> Tuple[Optional[np.ndarray], np.ndarray]:
    """Returns where the numbers of each output map stand, and a row of numbers for each map.

    Args:
        weight: In the order of the file.
        maps: Output map of each number; all have equally many.

    Returns:
        None, where the rows follow each other, and the rows.
    """
    if maps.ndim > 1 and not any(maps.strides[1:]) and len(maps) == int(maps.max()) + 1:
        return None, weight.reshape(len(maps), -1)  # each index of the first axis is a map
    order = np.argsort(maps.ravel(), kind="stable")
    return order, weight.ravel()[order].reshape(int(maps.max()) + 1, -1)


def _order(packed: PackedWeights) -> Tuple[bool, int]:
    multiplies = packed.dictionary is None or not is_power_of_two(packed.dictionary)
    return multiplies, packed_bytes(packed)


def _forms(
    weight: np.ndarray, maps: np.ndarray, encoding: Optional[Encoding]
) -> List[PackedWeights]:
    dictionary = dictionary_of(weight)
    forms = [dictionary]
    if encoding is not None and encoding.dictionary is None:
        forms.append(_encoded(encoding, weight, maps))
        if _are_signs(encoding):
            order, rows = by_map(weight, maps)
            forms.append(_dictionary_per_map(weight, rows, order))
    if encoding is None or not any(forms):
        order, rows = by_map(weight, maps)
        if dictionary is not None:
            forms.append(scaled_rows(weight, weight.reshape(1, -1), None))
        forms += [scaled_rows(weight, rows, order), _dictionary_per_map(weight, rows, order)]
    return [form for form in forms if form is not None]


def _are_signs(encoding: Encoding) -> bool:
    """Whether the codes are -1 and 1 with a scale each: a dictionary needs one bit for them."""
    codes = encoding.codes
    return encoding.bits == 2 and encoding.axis is not None and bool((np.abs(codes) == 1).all())


def _encoded(encoding: Encoding, weight: np.ndarray, maps: np.ndarray) -> Optional[PackedWeights]:
    try:
        packed = PackedWeights.from_encoding(encoding, int(maps.max()) + 1)
    except ExportError:  # a form that the kernels do not have
        return None
    return packed if decodes_to(packed, maps, weight) else None


def scaled_rows(
    weight: np.ndarray, rows: np.ndarray, order: Optional[np.ndarray]
) -> Optional[PackedWeights]:
    """Returns a weight whose rows are integers times a scale of each, None if they are not.

    Args:
        weight: float32, in the order of the file.
        rows: The same, a row for each output map, see :func:`by_map`.
        order: Where the numbers of the rows stand; None if they follow each other.
    """
    scales = common_scales(rows, 2**MOST_BITS - 1)
    if scales is None:
        return None
    levels = np.empty(rows.shape, np.int16)
    for block in blocks(rows.shape):
        levels[block] = np.rint(rows[block].astype(np.float64) / scales[block[0], None])
    low = int(levels.min())
    bits = max(1, (int(levels.max()) - low).bit_length())
    if bits > MOST_BITS:
        return None
    codes = np.subtract(levels, low, out=levels).astype(np.uint8)
    return PackedWeights(_back(codes, order, weight.shape), bits, None, scales, -low)


def _dictionary_per_map(
    weight: np.ndarray, rows: np.ndarray, order: Optional[np.ndarray]
) -> Optional[PackedWeights]:
    step = max(1, _SORTED // max(1, rows.shape[1]))
    parts = [slice(at, at + step) for at in range(0, len(rows), step)]
    most = 0
    for part in parts:
        steps = _steps(np.sort(rows[part], axis=1))
        most = max(most, 1 + int(steps.sum(axis=1).max()))
        if most > 2**MOST_BITS:
            return None
    bits = max(1, math.ceil(math.log2(most)))
    dictionary = np.zeros((len(rows), 2**bits), np.float32)
    codes = np.empty(rows.shape, np.uint8)
    for part in parts:
        places = np.argsort(rows[part], axis=1)
        ascending = np.take_along_axis(rows[part], places, 1)
        numbers = np.zeros(ascending.shape, np.intp)
        np.cumsum(_steps(ascending), axis=1, out=numbers[:, 1:])
        np.put_along_axis(dictionary[part], numbers, ascending, 1)
        np.put_along_axis(codes[part], places, numbers, 1)
    return PackedWeights(_back(codes, order, weight.shape), bits, dictionary)


def _steps(ascending: np.ndarray) -> np.ndarray:
    """Where the next number of a row is another one."""
    return np.asarray(ascending[:, 1:] != ascending[:, :-1])


def _codes(table: np.ndarray, values: np.ndarray) -> Optional[np.ndarray]:
    """The place of each value in a table, None if one is missing."""
    order = np.argsort(table, kind="stable")
    ascending, codes = table[order], np.empty(values.shape, np.uint8)
    for block in blocks(values.shape):
        part = values[block]
        found = order[np.minimum(np.searchsorted(ascending, part), len(table) - 1)]
        if not np.array_equal(table[found], part):
            return None
        codes[block] = found
    return codes


def _back(rows: np.ndarray, order: Optional[np.ndarray], shape: Tuple[int, ...]) -> np.ndarray:
    if order is None:
        return rows.reshape(shape)
    flat = np.empty(rows.size, rows.dtype)
    flat[order] = rows.ravel()
    return flat.reshape(shape)
