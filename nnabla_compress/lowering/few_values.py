# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The encoding of a weight from its values alone: whole numbers times scales, or few values."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from nnabla_compress.c_kernels.order import in_file_order, output_maps
from nnabla_compress.encodings import Encoding
from nnabla_compress.kernels.common_scales import common_scales
from nnabla_compress.lowering.packed_weights import MOST_BITS, by_map, scaled_rows

_MOST_VALUES = 256
_MOST_BITS = 16
_MOST_OF_A_BYTE = 255
_FIRST = 4096  # values that are looked at before all are sorted
_SMALLER = 0.5  # of the floats: below that values were put on codes, not found there by chance


def encoding_of_values(
    values: np.ndarray, function: Any, surely: bool = False
) -> Optional[Encoding]:
    """Returns how the values of a layer's weight can be stored as codes, None if they can't.

    Args:
        values: The weight.
        function: The layer, which tells the output map of each value.
        surely: Whether the weight is known to lie on codes; else they must halve its bytes at
            least, so that floats are not taken for codes.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> layer = F.affine(nn.Variable((1, 8)), nn.Variable((8, 4))).parent
        >>> found = encoding_of_values(np.tile(np.float32([0.5, -1.5, 1, 0]), (8, 1)), layer)
        >>> found.bits, found.dictionary.tolist()
        (2, [-1.5, 0.0, 0.5, 1.0])
        >>> encoding_of_values(np.random.RandomState(0).randn(8, 4), layer) is None
        True
    """
    weight = np.asarray(values, np.float32)
    if not weight.size or not np.isfinite(weight).all():
        return None
    forms = [
        form for form in (dictionary_of_values(weight), _rows(weight, function)) if form is not None
    ]
    found = min(forms, key=lambda form: form.nbytes, default=None)
    if found is None or (not surely and found.nbytes > _SMALLER * weight.nbytes):
        return None
    return found


def integer_codes(
    levels: np.ndarray,
    scale: np.ndarray,
    shift: Optional[np.ndarray],
    axis: Optional[int],
) -> Optional[Encoding]:
    """Returns the encoding ``(levels + shift) * scale``, None if the levels are no whole numbers.

    Args:
        levels: Of the weight's shape.
        scale: One number, or one for each index of ``axis``.
        shift: Whole numbers likewise; None for none.
        axis: The axis along which scale and shift vary, None for none.

    Example:
        >>> found = integer_codes(np.float32([[-2, 1]]), np.float32([0.5]), None, None)
        >>> found.bits, found.decode().tolist()
        (2, [[-1.0, 0.5]])
    """
    whole = np.rint(levels)
    if not np.array_equal(whole, levels) or np.abs(whole).max(initial=0) >= 2 ** (_MOST_BITS - 1):
        return None
    codes, lowest, spacing = whole.astype(np.int64), 0, 1
    if codes.size and codes.max() - min(0, codes.min()) > _MOST_OF_A_BYTE:
        # Numbered by their steps they may fit a byte, as odd integers do.
        lowest = int(codes.min())
        spacing = int(np.gcd.reduce(np.unique(codes) - lowest)) or 1
        codes = (codes - lowest) // spacing
    bits = max(1, int(codes.max() - min(0, codes.min())).bit_length())
    zero_point = -lowest if shift is None else -lowest - np.rint(shift).astype(np.int64)
    scales = np.asarray(scale, np.float32).ravel()
    if axis is None:
        scales = scales.reshape(())
        return Encoding(codes, bits, scale=scales, zero_point=-lowest, spacing=spacing)
    return Encoding(codes, bits, scales, zero_point, axis=axis, spacing=spacing)


def dictionary_of_values(weight: np.ndarray) -> Optional[Encoding]:
    """Returns a weight as codes of a dictionary, None if it has more than 256 values.

    Args:
        weight: float32.

    Example:
        >>> dictionary_of_values(np.float32([0.5, -1, 0.5])).codes.tolist()
        [1, 0, 1]
    """
    flat = weight.ravel()
    if len(np.unique(flat[:_FIRST])) > _MOST_VALUES:
        return None
    entries, codes = np.unique(flat, return_inverse=True)
    if len(entries) > _MOST_VALUES:
        return None
    bits = max(1, (len(entries) - 1).bit_length())
    return Encoding(codes.reshape(weight.shape), bits, dictionary=entries)


def _rows(weight: np.ndarray, function: Any) -> Optional[Encoding]:
    """Whole numbers times a scale for each output map."""
    type_name = function.info.type_name
    axis = 0
    if type_name == "Affine":
        axis = 1
    elif type_name == "Deconvolution":
        axis = 1 if function.info.args["group"] == 1 else -1
    if axis < 0 or weight.ndim <= axis or (type_name == "Affine" and weight.ndim != 2):
        return None
    # Floats are told from a few of them, without the copies below.
    first = np.ascontiguousarray(np.moveaxis(weight, axis, 0)[:1].reshape(1, -1), np.float32)
    if common_scales(first, 2**MOST_BITS - 1) is None:
        return None
    maps = output_maps(type_name, weight.shape)
    order, rows = by_map(in_file_order(type_name, weight), maps)
    packed = scaled_rows(in_file_order(type_name, weight), rows, order)
    if packed is None or packed.scales is None:
        return None
    codes = packed.codes if type_name != "Affine" else packed.codes.reshape(weight.shape[::-1]).T
    return Encoding(
        np.asarray(codes).reshape(weight.shape),
        packed.bits,
        scale=packed.scales,
        zero_point=packed.zero_point,
        axis=axis,
    )
